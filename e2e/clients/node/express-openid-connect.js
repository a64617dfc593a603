// A web app on Express by express-openid-connect.
import express from 'express';
import oidc from 'express-openid-connect';
import session from 'express-session';
import { say, settings } from './talk.js';

const app = express();
app.use(oidc.auth({
  issuerBaseURL: settings.issuer,
  baseURL: settings.origin,
  clientID: settings.clientId,
  clientSecret: settings.secret,
  secret: 'only for this test, and long enough',
  authRequired: false,
  authorizationParams: { response_type: 'code', scope: 'openid email offline_access' },
  idpLogout: true,
  backchannelLogout: true,
  session: { store: new session.MemoryStore() },
}));
app.get('/', async (req, res) => {
  if (!req.oidc.isAuthenticated()) {
    res.json({ signedOut: true });
    return;
  }
  const before = req.oidc.refreshToken;
  const claims = req.oidc.idTokenClaims;
  await req.oidc.accessToken.refresh();
  res.json({
    claims, userinfo: await req.oidc.fetchUserInfo(), rotated: req.oidc.refreshToken !== before, renewedSub: req.oidc.idTokenClaims.sub,
  });
});
app.listen(new URL(settings.origin).port, '127.0.0.1', () => say('ready', settings.origin));
