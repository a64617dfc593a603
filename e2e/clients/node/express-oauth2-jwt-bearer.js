// An API on Express that takes access tokens, by express-oauth2-jwt-bearer.
import express from 'express';
import { auth, requiredScopes } from 'express-oauth2-jwt-bearer';
import { say, settings } from './talk.js';

const app = express();
app.use(auth({ issuerBaseURL: settings.issuer, audience: settings.audience, strict: true, tokenSigningAlg: 'ES256' }));
app.get('/hello', requiredScopes('greet'), (req, res) => {
  const { client_id, scope } = req.auth.payload;
  res.json({ client: client_id, scope });
});
app.use((err, req, res, next) => res.status(err.status ?? 500).set(err.headers ?? {}).json({}));
app.listen(new URL(settings.origin).port, '127.0.0.1', () => say('ready', settings.origin));
