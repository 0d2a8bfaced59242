'use strict';

// One step of passport-facebook without a web framework: a request goes in on stdin, and what the strategy
// did with it comes out on stdout, both as JSON. The session travels along, so that each step may be a
// process of its own.
//
//   in   {options, authenticate, request: {query, session}}   or   {options, profile: <access token>}
//   out  {outcome, session, ...}: redirect {url}, success {user}, fail {challenge, status}, error {...}

const { Strategy } = require('passport-facebook');

const SHOWN = ['name', 'message', 'code', 'subcode', 'type', 'status', 'traceID'];

function shown(error) {
  const seen = Object.fromEntries(SHOWN.filter((key) => key in error).map((key) => [key, error[key]]));
  // What never reached the authority is wrapped: the status, or the system's own word, is inside.
  if (error.oauthError) {
    seen.inner = { code: error.oauthError.code, statusCode: error.oauthError.statusCode };
  }
  return { kind: error.constructor.name, ...seen };
}

function perform(step, done) {
  const request = { query: {}, session: {}, ...step.request };
  const strategy = new Strategy(
    step.options,
    (accessToken, refreshToken, params, profile, verified) =>
      verified(null, { accessToken, refreshToken, params, profile }),
  );
  const end = (outcome, more) => done({ outcome, session: request.session, ...more });

  if (step.profile !== undefined) {
    strategy.userProfile(step.profile, (error, profile) =>
      error ? end('error', shown(error)) : end('success', { user: { profile } }));
    return;
  }
  strategy.redirect = (url) => end('redirect', { url });
  strategy.success = (user, info) => end('success', { user, info });
  strategy.fail = (challenge, status) => end('fail', { challenge, status });
  strategy.error = (error) => end('error', shown(error));
  strategy.authenticate(request, step.authenticate || {});
}

let text = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => { text += chunk; });
process.stdin.on('end', () => {
  perform(JSON.parse(text), (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`));
});
