// A web app on Express: people sign in by openid-client, tokens stay on the
// server, and the browser holds a session cookie.
import express from 'express';
import session from 'express-session';
import * as client from 'openid-client';
import { randomBytes } from 'node:crypto';
import { logoutTokens } from './backchannel.js';

const {
  ISSUER = 'http://127.0.0.1:8080/t/demo', ORIGIN = 'http://127.0.0.1:3000', API = 'http://127.0.0.1:8081', CLIENT_ID, CLIENT_SECRET,
} = process.env;

const provider = await client.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET, undefined, {
  execute: ISSUER.startsWith('http://127.0.0.1') ? [client.allowInsecureRequests] : [], // postern dev, on this machine
});
const sessions = new session.MemoryStore(); // of one process; several share one, in Redis say
const secure = ORIGIN.startsWith('https:');

const app = express();
app.disable('x-powered-by');
app.set('trust proxy', 'loopback'); // whose X-Forwarded-Proto counts
app.use(express.static('public'));
app.use((req, res, next) => {
  res.set({
    // form-action holds for redirects, too, and signing out goes by the provider.
    'Content-Security-Policy':
      `default-src 'none'; style-src 'self'; form-action 'self' ${new URL(ISSUER).origin}; base-uri 'none'; frame-ancestors 'none'`,
    'Referrer-Policy': 'no-referrer', 'X-Content-Type-Options': 'nosniff', 'Cache-Control': 'no-store',
  });
  next();
});
app.post('/backchannel-logout', express.urlencoded(), logoutTokens(provider, endSessions));
app.use(session({
  // Lax keeps the cookie away from other sites' POSTs, and comes along when the provider sends the browser back.
  name: secure ? '__Host-web' : 'web', cookie: { httpOnly: true, secure, sameSite: 'lax', path: '/', maxAge: 8 * 3600 * 1000 },
  secret: randomBytes(32).toString('hex'), store: sessions, resave: false, saveUninitialized: false,
}));

app.get('/', (req, res) => res.render('home.ejs', { ...req.session, answer: null }));

app.get('/sign-in', async (req, res) => {
  const [verifier, state, nonce] = [client.randomPKCECodeVerifier(), client.randomState(), client.randomNonce()];
  // Whoever asks for a mail twice may open either; so each sign-in has its own secrets.
  req.session.logins = [...(req.session.logins ?? []).slice(-4), { verifier, state, nonce }];
  res.redirect(client.buildAuthorizationUrl(provider, {
    redirect_uri: `${ORIGIN}/callback`, scope: 'openid email offline_access greet', resource: API, state, nonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  }).href);
});

app.get('/callback', async (req, res) => {
  const login = req.session.logins?.find(({ state }) => state === req.query.state);
  if (!login) {
    res.status(400).render('fault.ejs', { what: 'This sign-in was not begun in this browser, or too long ago.' });
    return;
  }
  const tokens = await client.authorizationCodeGrant(provider, new URL(req.originalUrl, ORIGIN), {
    pkceCodeVerifier: login.verifier, expectedState: login.state, expectedNonce: login.nonce, idTokenExpected: true,
  });
  await change(req, 'regenerate'); // a new id, so that nobody signs in under one that others knew
  req.session.user = tokens.claims();
  keep(req.session, tokens);
  res.redirect('/');
});

app.get('/hello', signedIn, async (req, res) => {
  if (req.session.tokens.expires < Date.now() + 30_000) await renew(req);
  const answer = await client.fetchProtectedResource(provider, req.session.tokens.access, new URL('/hello', API), 'GET');
  res.render('home.ejs', { ...req.session, answer: await answer.text() });
});

app.post('/renew', signedIn, async (req, res) => {
  await renew(req);
  res.redirect(303, '/');
});

app.post('/sign-out', signedIn, async (req, res) => {
  const { tokens } = req.session;
  await change(req, 'destroy');
  await revoke(tokens);
  res.redirect(303, client.buildEndSessionUrl(provider, { id_token_hint: tokens.id, post_logout_redirect_uri: `${ORIGIN}/` }).href);
});

app.use(async (err, req, res, next) => {
  if (res.headersSent) return next(err);
  if (err.error === 'access_denied') return res.redirect('/'); // Cancel was pressed
  console.error(err);
  if (err.error === 'invalid_grant' && req.session.user) { // the refresh token is revoked, or was not used for too long
    await change(req, 'destroy');
    return res.redirect(303, '/');
  }
  res.status(502).render('fault.ejs', { what: 'The provider or the API did not answer as it should.' });
});

function signedIn(req, res, next) {
  if (req.session.user) next();
  else res.redirect(303, '/');
}

// change does to the session what express-session has a method for.
const change = (req, method) => new Promise((done, fail) => { req.session[method]((err) => (err ? fail(err) : done())); });

function keep(held, tokens) {
  held.tokens = {
    access: tokens.access_token, refresh: tokens.refresh_token, id: tokens.id_token,
    expires: Date.now() + tokens.expiresIn() * 1000, renewals: held.tokens ? held.tokens.renewals + 1 : 0,
  };
}

// renew takes new tokens, once for all requests of a session that want them at
// the same time: each refresh token is good for one use.
const renewals = new Map();
async function renew(req) {
  const id = req.sessionID;
  if (!renewals.has(id)) {
    renewals.set(id, client.refreshTokenGrant(provider, req.session.tokens.refresh).finally(() => renewals.delete(id)));
  }
  keep(req.session, await renewals.get(id));
}

// revoke ends the refresh token, which signing out leaves: it is there for when the person is away.
const revoke = (tokens) => client.tokenRevocation(provider, tokens.refresh).catch(console.error);

// endSessions ends those of a provider's session, or all of a person.
function endSessions({ sid, sub }) {
  sessions.all((_, all) => {
    for (const [id, { user, tokens }] of Object.entries(all)) {
      if (user && (sid ? user.sid === sid : user.sub === sub)) {
        sessions.destroy(id);
        revoke(tokens);
      }
    }
  });
}

const { hostname, port } = new URL(process.env.LISTEN ?? ORIGIN);
app.listen(port, hostname, () => console.log(`ready ${ORIGIN}`));
