// One page for all addresses of the app: it signs in, comes back to /callback,
// renews in a frame that ends at /silent, and signs out to /bye.
/* global oidc */
const show = (id, value) => { document.getElementById(id).textContent = typeof value === 'string' ? value : JSON.stringify(value); };

async function main() {
  const { issuer, clientId, renewAfter } = await (await fetch('/settings.json')).json();
  const manager = new oidc.UserManager({
    authority: issuer, client_id: clientId, scope: 'openid email offline_access',
    redirect_uri: `${location.origin}/callback`, silent_redirect_uri: `${location.origin}/silent`,
    post_logout_redirect_uri: `${location.origin}/bye`,
    loadUserInfo: true, automaticSilentRenew: renewAfter > 0, accessTokenExpiringNotificationTimeInSeconds: 3600 - renewAfter,
  });
  let renewals = 0;
  const showUser = (user) => show('user', { profile: user.profile, access: user.access_token, refresh: user.refresh_token, renewals: renewals++ });
  manager.events.addUserLoaded(showUser);

  const press = (id, what) => document.getElementById(id).addEventListener('click', async () => {
    show('told', '');
    try { show('told', `${id}: ${await what() ?? 'done'}`); } catch (error) { show('told', `${id}: ${error.error ?? error.message}`); }
  });
  press('sign-in', () => manager.signinRedirect({ state: { deep: 'link' } }));
  press('renew', () => manager.signinSilent().then(() => 'renewed'));
  press('renew-in-frame', () => manager.signinSilent({ forceIframeAuth: true }).then(() => 'renewed'));
  press('sign-out', () => manager.signoutRedirect({ state: 'farewell' }));
  press('userinfo', async () => {
    const metadata = await manager.metadataService.getMetadata();
    const answer = await fetch(metadata.userinfo_endpoint, { headers: { Authorization: 'Bearer wrong' } });
    return `${answer.status} ${answer.headers.get('WWW-Authenticate')}`; // which only a page may read that CORS lets
  });
  document.getElementById('buttons').hidden = false; // now that they do something

  switch (location.pathname) {
    case '/silent': return manager.signinSilentCallback();
    case '/bye': return show('told', `signed out with ${JSON.stringify((await manager.signoutCallback()).userState)}`);
    case '/callback': {
      const user = await manager.signinCallback();
      show('told', `signed in with ${JSON.stringify(user.state)}`);
      return showUser(user);
    }
  }
}

main().catch((error) => show('told', `failed: ${error.error ?? error.message}`));
