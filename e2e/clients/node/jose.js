// An API on Node that takes access tokens, by jose.
import http from 'node:http';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { say, settings } from './talk.js';

const metadata = await (await fetch(`${settings.issuer}/.well-known/openid-configuration`)).json();
const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));

// caller gives the claims of the token of whoever calls, or throws.
async function caller(req) {
  const [scheme, token] = (req.headers.authorization ?? '').split(' ');
  if (scheme.toLowerCase() !== 'bearer') throw new Error('no bearer token');
  const { payload } = await jwtVerify(token, keys, {
    issuer: metadata.issuer, audience: settings.audience, typ: 'at+jwt', algorithms: ['ES256'], requiredClaims: ['exp', 'sub', 'client_id'],
  });
  if (payload.cnf) throw new Error('bound to a key, which this API does not ask for');
  return payload;
}

const json = { 'Content-Type': 'application/json' };

http.createServer(async (req, res) => {
  try {
    const { client_id, scope } = await caller(req);
    res.writeHead(200, json).end(JSON.stringify({ client: client_id, scope }));
  } catch {
    res.writeHead(401, { ...json, 'WWW-Authenticate': 'Bearer' }).end('{}');
  }
}).listen(new URL(settings.origin).port, '127.0.0.1', () => say('ready', settings.origin));
