'use strict';

// One step of arctic: the address of a login, or the exchange of a code. Its two addresses are
// constants, so what it sends to Facebook's hosts is sent to the base instead.
//
//   in   {base, app: [id, secret, redirect], code}    out  {url} or {tokens} or {error}

async function perform({ base, app, code }) {
  const { Facebook, OAuth2RequestError, generateState } = await import('arctic');
  const moved = (url) => url.replace(/^https:\/\/(www|graph)\.facebook\.com/, base);
  const plain = globalThis.fetch;
  globalThis.fetch = (request) => plain(new Request(moved(request.url), {
    method: request.method, headers: request.headers, body: request.body, duplex: 'half',
  }));
  const facebook = new Facebook(...app);
  if (code === undefined) {
    const state = generateState();
    return { url: moved(facebook.createAuthorizationURL(state, ['email', 'public_profile']).href), state };
  }
  try {
    const tokens = await facebook.validateAuthorizationCode(code);
    return { tokens: { value: tokens.accessToken(), ends: tokens.accessTokenExpiresAt(), all: tokens.data } };
  } catch (error) {
    return { error: { kind: error.constructor.name, message: error.message, status: error.status, data: error.data } };
  }
}

let text = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => { text += chunk; });
process.stdin.on('end', async () => {
  process.stdout.write(`${JSON.stringify(await perform(JSON.parse(text)))}\n`);
});
