// Auth.js (next-auth v5) without a framework: its core takes Requests and gives
// Responses.
import { Auth } from '@auth/core';
import http from 'node:http';
import { say, settings } from './talk.js';

const config = {
  basePath: '/auth',
  secret: 'only for this test, and long enough',
  trustHost: true,
  providers: [{
    id: 'postern', name: 'Postern', type: 'oidc',
    issuer: settings.issuer, clientId: settings.clientId, clientSecret: settings.secret,
    authorization: { params: { scope: 'openid email offline_access' } },
    checks: ['pkce', 'state', 'nonce'],
  }],
  callbacks: {
    jwt: ({ token, account, profile }) => (account ? { ...token, claims: profile, refreshToken: account.refresh_token } : token),
    session: ({ token }) => ({ expires: '', claims: token.claims, userinfo: token.claims, rotated: !!token.refreshToken }),
  },
};

// The app's own addresses: the sign-in page of Auth.js, and what it knows.
const pages = { '/login': '/auth/signin', '/': '/auth/session' };

async function answer(req, res) {
  const url = new URL(pages[req.url] ?? req.url, settings.origin);
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const answered = await Auth(new Request(url, {
    method: req.method, headers: req.headers, body: req.method === 'POST' ? Buffer.concat(chunks) : undefined,
  }), config);
  res.setHeaders(answered.headers);
  res.writeHead(answered.status);
  res.end(Buffer.from(await answered.arrayBuffer()));
}

http.createServer(answer).listen(new URL(settings.origin).port, '127.0.0.1', () => say('ready', settings.origin));
