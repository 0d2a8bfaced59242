'use strict';

// A list of calls of fbgraph, made one after another against one base URL; what each gave, as JSON.
//
//   in   {base, token, secret, calls: [[name, ...arguments], ...]}
//   out  [{error, result}, ...]

const graph = require('fbgraph');

function call([name, ...given]) {
  return new Promise((done) => graph[name](...given, (error, result) => done({ error, result })));
}

async function perform({ base, token, secret, calls }) {
  graph.setGraphUrl(base);
  graph.setVersion('19.0');
  if (secret) graph.setAppSecret(secret);
  if (token) graph.setAccessToken(token);
  const answers = [];
  for (const each of calls) answers.push(await call(each));
  return { answers, token: graph.getAccessToken() };
}

let text = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (chunk) => { text += chunk; });
process.stdin.on('end', async () => {
  process.stdout.write(`${JSON.stringify(await perform(JSON.parse(text)))}\n`);
});
