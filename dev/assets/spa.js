// A relying party without a server: authorization code with PKCE (RFC 7636),
// ID token verified by WebCrypto against the provider's published keys.
const app = document.getElementById('spa');
const { issuer, clientId, redirectUri, homeUri } = app.dataset;
const KEY = 'postern-demo-spa';
const $ = (id) => document.getElementById(id);
let tokens = null; // in memory: a reload forgets them, and single sign-on brings new ones

const encode = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const decode = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0));
const json = (bytes) => JSON.parse(new TextDecoder().decode(bytes));
const random = () => encode(crypto.getRandomValues(new Uint8Array(32)));
const sha256 = (text) => crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));

class Refusal extends Error {}

function require(holds, complaint) {
  if (!holds) throw new Refusal(complaint);
}

let metadata;
async function discover() {
  if (!metadata) {
    metadata = await getJSON(`${issuer}/.well-known/openid-configuration`);
    require(metadata.issuer === issuer, 'The metadata is of another issuer.');
  }
  return metadata;
}

async function getJSON(url, options) {
  const answer = await fetch(url, { cache: 'no-store', credentials: 'omit', ...options });
  const body = await answer.json().catch(() => ({}));
  require(answer.ok, `The provider refused: ${body.error ?? answer.status} ${body.error_description ?? ''}`);
  return body;
}

async function signIn() {
  const { authorization_endpoint: endpoint } = await discover();
  const begun = { state: random(), nonce: random(), verifier: random() };
  sessionStorage.setItem(KEY, JSON.stringify(begun));
  const target = new URL(endpoint);
  for (const [name, value] of Object.entries({
    response_type: 'code', client_id: clientId, redirect_uri: redirectUri, scope: 'openid email profile offline_access',
    state: begun.state, nonce: begun.nonce, code_challenge: encode(await sha256(begun.verifier)), code_challenge_method: 'S256',
  })) target.searchParams.set(name, value);
  location.replace(target);
}

async function callback() {
  const answer = new URLSearchParams(location.search);
  history.replaceState(null, '', new URL(homeUri).pathname); // the code leaves the address bar before anything else
  const begun = JSON.parse(sessionStorage.getItem(KEY) ?? 'null');
  require(begun && begun.state === answer.get('state'), 'This tab did not start that sign-in: its state is not here.');
  sessionStorage.removeItem(KEY);
  require(answer.get('iss') === issuer, 'The answer comes from another issuer.'); // RFC 9207
  require(answer.get('error') !== 'access_denied', 'The sign-in was cancelled, so the app got nothing but access_denied.');
  require(!answer.has('error'), `The provider refused: ${answer.get('error')} ${answer.get('error_description') ?? ''}`);
  require(answer.has('code'), 'The answer holds neither a code nor an error.');
  await redeem({ grant_type: 'authorization_code', code: answer.get('code'), redirect_uri: redirectUri, code_verifier: begun.verifier }, begun.nonce);
  say('Signed in to the single-page app, in the tab that waited.', 'good');
}

async function redeem(form, nonce) {
  const { token_endpoint: endpoint } = await discover();
  const fresh = await getJSON(endpoint, { method: 'POST', body: new URLSearchParams({ client_id: clientId, ...form }) });
  const idToken = fresh.id_token ?? tokens?.id_token;
  const checked = await verify(idToken, nonce);
  require(!tokens || nonce || tokens.claims.sub === checked.claims.sub, 'The refreshed ID token names someone else.');
  const { userinfo_endpoint: userinfo } = await discover();
  const info = await getJSON(userinfo, { headers: { Authorization: `Bearer ${fresh.access_token}` } });
  require(info.sub === checked.claims.sub, 'Userinfo names someone else than the ID token.');
  tokens = { refresh_token: tokens?.refresh_token, ...fresh, id_token: idToken, claims: checked.claims };
  show(checked, info);
}

const ALGORITHMS = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' },
};

// verify does what OpenID Connect Core §3.1.3.7 asks.
async function verify(token, nonce) {
  const parts = String(token).split('.');
  require(parts.length === 3, 'The ID token does not have three parts.');
  const [header, claims] = parts.slice(0, 2).map((part) => json(decode(part)));
  const algorithm = ALGORITHMS[header.alg];
  require(algorithm, `The ID token is signed by ${header.alg}, which this app does not take.`);
  const { keys } = await getJSON((await discover()).jwks_uri);
  const jwk = keys.find((key) => key.kid === header.kid && (!key.alg || key.alg === header.alg));
  require(jwk, 'The ID token is signed by a key that the provider does not publish.');
  const key = await crypto.subtle.importKey('jwk', jwk, algorithm, false, ['verify']);
  const signed = new TextEncoder().encode(`${parts[0]}.${parts[1]}`);
  require(await crypto.subtle.verify(algorithm, key, decode(parts[2]), signed), 'The signature of the ID token is wrong.');
  require(claims.iss === issuer, 'The ID token is of another issuer.');
  require([claims.aud].flat().includes(clientId), 'The ID token is for another client.');
  require(claims.exp * 1000 > Date.now(), 'The ID token has expired.');
  require(!nonce || claims.nonce === nonce, 'The nonce is not the one that was sent.');
  const checks = [
    ['Signature', `${header.alg}, by key ${header.kid} of the provider's JWKS`], ['iss', claims.iss], ['aud', [claims.aud].flat().join(', ')],
    ['exp', `still to come: ${new Date(claims.exp * 1000).toISOString()}`],
  ];
  if (nonce) checks.push(['nonce', 'the one this tab sent']);
  return { header, claims, checks };
}

async function refresh() {
  const before = tokens.refresh_token;
  await redeem({ grant_type: 'refresh_token', refresh_token: before });
  say(tokens.refresh_token === before ? 'Refreshed.' : 'Refreshed. The refresh token was replaced by a new one.', 'good');
}

async function signOut() {
  const target = new URL((await discover()).end_session_endpoint);
  target.searchParams.set('id_token_hint', tokens.id_token);
  target.searchParams.set('client_id', clientId);
  target.searchParams.set('post_logout_redirect_uri', homeUri);
  target.searchParams.set('state', 'signed-out');
  location.assign(target);
}

function show({ header, claims, checks }, info) {
  $('hello').textContent = info.email ? `, ${info.email}` : '';
  $('id-token-header').textContent = JSON.stringify(header, null, 2);
  $('id-token-claims').textContent = JSON.stringify(claims, null, 2);
  $('userinfo').textContent = JSON.stringify(info, null, 2);
  $('checks').replaceChildren(...checks.map(([what, how]) => {
    const row = document.createElement('div');
    for (const [tag, text] of [['dt', what], ['dd', how]]) {
      row.append(Object.assign(document.createElement(tag), { textContent: text }));
    }
    return row;
  }));
  $('signed-out').hidden = true;
  $('signed-in').hidden = false;
  $('refresh').hidden = !tokens.refresh_token;
}

function say(text, kind) {
  $('notice').textContent = text;
  $('notice').className = `notice ${kind}`;
  $('notice').hidden = false;
}

// run shows what goes wrong: a refusal by its words, anything else as the network's.
async function run(step) {
  try {
    await step();
  } catch (error) {
    say(error instanceof Refusal ? error.message : 'The provider could not be reached, or its answer not be read.', 'bad');
  }
}

$('sign-in').addEventListener('click', () => run(signIn));
$('again').addEventListener('click', () => run(signIn));
$('refresh').addEventListener('click', () => run(refresh));
$('sign-out').addEventListener('click', () => run(signOut));

const query = new URLSearchParams(location.search);
if (location.pathname === new URL(redirectUri).pathname) {
  await run(callback);
} else if (query.has('start')) {
  await run(signIn);
} else if (query.get('state') === 'signed-out') {
  history.replaceState(null, '', location.pathname);
  say('You are signed out, here and at the provider.', 'good');
}
