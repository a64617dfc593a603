import * as client from 'openid-client';
import { compactDecrypt, importJWK } from 'jose';
import { done, open, settings } from './talk.js';

const scope = 'openid email offline_access';

async function authentication() {
  const { method, secret, key } = settings;
  switch (method) {
    case 'client_secret_basic': return client.ClientSecretBasic(secret);
    case 'client_secret_post': return client.ClientSecretPost(secret);
    case 'private_key_jwt': return client.PrivateKeyJwt({ key: await importJWK(key, key.alg), kid: key.kid });
    default: return client.None();
  }
}

const config = await client.discovery(
  new URL(settings.issuer), settings.clientId, settings.metadata, await authentication(),
  { execute: [client.allowInsecureRequests] }, // the provider under test is on http, on this machine
);

// What is pushed, signed, answered signed, or bound to a key of its own.
const options = settings.dpop ? { DPoP: client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256')) } : undefined;
if (settings.jarm) client.useJwtResponseMode(config);

// What comes encrypted is decrypted by the library; a hint is the signed token within.
const { alg, kid } = settings.decrypt ?? {};
const decryption = settings.decrypt && { key: await importJWK(settings.decrypt, alg), alg, kid };
if (decryption) client.enableDecryptingResponses(config, settings.encs, decryption);

async function hint(idToken) {
  return decryption ? new TextDecoder().decode((await compactDecrypt(idToken, decryption.key)).plaintext) : idToken;
}

async function authorizationUrl(parameters) {
  if (settings.jar) {
    const key = { key: await importJWK(settings.key, settings.key.alg), kid: settings.key.kid };
    parameters = (await client.buildAuthorizationUrlWithJAR(config, parameters, key)).searchParams;
  }
  return settings.par ? client.buildAuthorizationUrlWithPAR(config, parameters, options) : client.buildAuthorizationUrl(config, parameters);
}

const verifier = client.randomPKCECodeVerifier();
const [state, nonce] = [client.randomState(), client.randomNonce()];
const callback = await open(await authorizationUrl({
  redirect_uri: settings.redirectUri, scope, state, nonce,
  code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
}));
const checks = { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true };

// A mixed-up answer is refused by the library itself (RFC 9207): by a wrong iss
// and, as the metadata says that there is one, by none.
const refused = {};
for (const [name, change] of Object.entries(settings.jarm ? {} : {
  wrongIss: (url) => url.searchParams.set('iss', 'https://attacker.example'),
  noIss: (url) => url.searchParams.delete('iss'),
})) {
  const url = new URL(callback);
  change(url);
  refused[name] = await client.authorizationCodeGrant(config, url, checks).then(() => '', (err) => err.message + ' ' + (err.cause?.message ?? ''));
}

const tokens = await client.authorizationCodeGrant(config, callback, checks, undefined, options);
const claims = tokens.claims();
const renewed = await client.refreshTokenGrant(config, tokens.refresh_token, undefined, options);
const userinfo = await client.fetchUserInfo(config, renewed.access_token, claims.sub, options);
const result = {
  refused, claims, userinfo, tokenType: renewed.token_type, scope: tokens.scope, expiresIn: tokens.expiresIn(),
  parts: tokens.id_token.split('.').length, renewedSub: renewed.claims().sub, rotated: renewed.refresh_token !== tokens.refresh_token,
};
if (settings.method !== 'none') {
  result.introspected = await client.tokenIntrospection(config, renewed.access_token);
}
await client.tokenRevocation(config, renewed.refresh_token);
result.afterRevocation = await client.refreshTokenGrant(config, renewed.refresh_token, undefined, options).then(() => 'refreshed', (err) => err.error);
result.userinfoAfterRevocation = await client.fetchUserInfo(config, renewed.access_token, claims.sub, options)
  .then(() => 'told', (err) => `${err.code} ${err.cause?.[0]?.parameters?.error ?? ''}`);
const end = await open(client.buildEndSessionUrl(config, {
  id_token_hint: await hint(renewed.id_token), post_logout_redirect_uri: settings.postLogoutUri, state: 'bye',
}));
result.endState = end.searchParams.get('state');
done(result);
