// A single-page app on oidc-client-ts. Its tokens are in this tab's
// sessionStorage, as the library has it: they outlive a reload, not the tab.
import { UserManager } from 'oidc-client-ts';

const { issuer, client_id, api } = await (await fetch('config.json')).json();
const here = `${location.origin}/`;
const manager = new UserManager({
  authority: issuer, client_id, redirect_uri: here, post_logout_redirect_uri: here,
  scope: 'openid email offline_access greet', resource: api,
  automaticSilentRenew: true, // a minute before the access token ends, by the refresh token
  revokeTokensOnSignout: true, revokeTokenTypes: ['refresh_token'],
});

const element = (id) => document.getElementById(id);
const tell = (text) => { element('told').textContent = text; };

function show(user) {
  element('nobody').hidden = !!user;
  element('somebody').hidden = !user;
  if (!user) return;
  element('email').textContent = user.profile.email;
  element('subject').textContent = user.profile.sub;
  element('issuer').textContent = user.profile.iss;
  element('expires').textContent = new Date(user.expires_at * 1000).toUTCString();
}

manager.events.addUserUnloaded(() => show(null));
manager.events.addSilentRenewError(async (error) => {
  if (error.error !== 'invalid_grant') return; // it is tried again
  await manager.removeUser();
  tell('Your session is over; sign in again.');
});

async function hello() {
  const { access_token } = await manager.getUser();
  const answer = await fetch(`${api}/hello`, { headers: { Authorization: `Bearer ${access_token}` } });
  tell(answer.ok ? `The API says: ${await answer.text()}` : `The API refuses: ${answer.headers.get('WWW-Authenticate')}`);
}

const actions = {
  'sign-in': () => manager.signinRedirect(), 'sign-out': () => manager.signoutRedirect(), renew: () => manager.signinSilent(), hello,
};
for (const [id, act] of Object.entries(actions)) {
  element(id).addEventListener('click', () => {
    tell('');
    act().catch((error) => tell(`That did not work: ${error.message}`));
  });
}

async function start() {
  const query = new URLSearchParams(location.search);
  if (!query.has('state')) return manager.getUser();
  history.replaceState(null, '', here); // the code is good for one use, and nobody's to read
  return manager.signinCallback(`${here}?${query}`);
}

show(await start().catch((error) => {
  tell(error.error === 'access_denied' ? '' : `That did not work: ${error.message}`);
  return null;
}));

let renewals = 0;
manager.events.addUserLoaded((user) => {
  element('renewals').textContent = ++renewals;
  show(user);
});
