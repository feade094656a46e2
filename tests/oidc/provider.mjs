// A real OpenID provider (https://github.com/panva/node-oidc-provider, certified) on a random port of this machine, for
// testkit/tests/oidc.rs. Its first line on stdout is its issuer. Beside what every provider has:
//   POST /test/rotate   signs with a new key from now on, and forgets the one before
//   POST /test/lie      a JSON object of claims that ID tokens have from now on, whatever is true; null leaves one out
// It ends with its standard input.

import { createServer } from "node:http";
import { SignJWT, decodeJwt, exportJWK, generateKeyPair } from "jose";
import Provider from "oidc-provider";

const redirect = process.argv[2];
const groups = { alice: ["staff", "all"], bob: ["guests"], mallory: ["all"] };
let lie = {};
let keys = 0;
let current;

async function provider(issuer) {
  const alg = "RS256";
  const kid = `key-${++keys}`;
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  const made = new Provider(issuer, {
    clients: [{ client_id: "ogent", client_secret: "a secret: with + and /", redirect_uris: [redirect] }],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg, kid, use: "sig" }] },
    cookies: { keys: ["the same for every instance"] },
    conformIdTokenClaims: false,
    scopes: ["openid", "groups"],
    claims: { openid: ["sub"], groups: ["groups"] },
    pkce: { required: () => true },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, groups: groups[id] ?? [] }) }),
  });
  made.use(async (ctx, next) => {
    await next();
    if (ctx.path === "/token" && ctx.body?.id_token && Object.keys(lie).length > 0) {
      const claims = { ...decodeJwt(ctx.body.id_token), ...lie };
      for (const [name, value] of Object.entries(claims)) if (value === null) delete claims[name];
      ctx.body.id_token = await new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(privateKey);
    }
  });
  return made.callback();
}

async function body(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text;
}

const server = createServer(async (request, response) => {
  if (request.url === "/test/rotate") {
    current = await provider(issuer);
    response.end();
  } else if (request.url === "/test/lie") {
    lie = JSON.parse(await body(request));
    response.end();
  } else {
    current(request, response);
  }
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;
current = await provider(issuer);
console.log(issuer);
process.stdin.resume().on("end", () => process.exit(0));
