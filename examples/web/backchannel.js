// Logout tokens (OpenID Connect Back-Channel Logout §2.4 to §2.8): the provider
// says that a session is over, whoever ended it.
import { createRemoteJWKSet, jwtVerify } from 'jose';

const event = 'http://schemas.openid.net/event/backchannel-logout';

// logoutTokens hands what a good token names to end, and refuses any other.
export function logoutTokens(provider, end) {
  const { issuer, jwks_uri } = provider.serverMetadata();
  const keys = createRemoteJWKSet(new URL(jwks_uri));
  const expected = {
    issuer, audience: provider.clientMetadata().client_id, typ: 'logout+jwt', maxTokenAge: '2m', requiredClaims: ['exp', 'jti'],
  };
  return async (req, res) => {
    res.set('Cache-Control', 'no-store');
    try {
      const { payload } = await jwtVerify(req.body?.logout_token ?? '', keys, expected);
      if (!payload.events?.[event] || payload.nonce !== undefined || !(payload.sid ?? payload.sub)) throw new Error('no logout token');
      end(payload);
      res.status(200).end();
    } catch (err) {
      console.error('backchannel-logout', err.message);
      res.status(400).json({ error: 'invalid_request' });
    }
  };
}
