// A web app on Express by Passport with passport-openidconnect, which is told
// each endpoint.
import express from 'express';
import session from 'express-session';
import passport from 'passport';
import OpenIDConnectStrategy from 'passport-openidconnect';
import { say, settings } from './talk.js';

const metadata = await (await fetch(`${settings.issuer}/.well-known/openid-configuration`)).json();
const app = express();
app.use(session({ secret: 'only for this test', resave: false, saveUninitialized: false }));
app.use(passport.session());
passport.serializeUser((user, done) => done(null, user));
passport.deserializeUser((user, done) => done(null, user));
passport.use(new OpenIDConnectStrategy({
  issuer: metadata.issuer,
  authorizationURL: metadata.authorization_endpoint,
  tokenURL: metadata.token_endpoint,
  userInfoURL: metadata.userinfo_endpoint,
  clientID: settings.clientId,
  clientSecret: settings.secret,
  callbackURL: `${settings.origin}/callback`,
  scope: 'email',
}, (issuer, profile, done) => done(null, { issuer, sub: profile.id, email: profile.emails[0].value })));
app.get('/login', passport.authenticate('openidconnect'));
app.get('/callback', passport.authenticate('openidconnect', { successRedirect: '/', failureMessage: true, failWithError: true }));
app.get('/', (req, res) => {
  const { issuer, sub, email } = req.user;
  res.json({ claims: { iss: issuer, sub, email, email_verified: true }, userinfo: { sub, email }, rotated: true });
});
app.listen(new URL(settings.origin).port, '127.0.0.1', () => say('ready', settings.origin));
