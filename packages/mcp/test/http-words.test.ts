/** The words of a server, whatever it wraps them in. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { wordsIn } from "../src/internal/http/HttpWords.ts"
import { open } from "./support/OpenHttp.ts"

describe("the words in a body", () => {
  const cases: ReadonlyArray<readonly [body: string, words: string | undefined]> = [
    ["", undefined],
    [" \r\n", undefined],
    ["upstream connect error", "upstream connect error"],
    [`{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"bad\\nheader"}}`, "bad header"],
    [`{"error":"invalid_token","error_description":"token expired"}`, "token expired"],
    [`{"message":"Forbidden"}`, "Forbidden"],
    [`{"Message":"User is not authorized"}`, "User is not authorized"],
    [`{"error":{"code":404,"message":"no such project","status":"NOT_FOUND"}}`, "no such project"],
    [`{"type":"about:blank","title":"Too large","detail":"at most 4 MB"}`, "at most 4 MB"],
    [`{"detail":[{"loc":["body"],"msg":"field required"}]}`, "field required"],
    [`{"errors":[{"message":"quota is used up"}]}`, "quota is used up"],
    [`["not today"]`, "not today"],
    [`"not today"`, "not today"],
    [`{"ok":false}`, `{"ok":false}`],
    [`{"message":"cut he`, `{"message":"cut he`],
    ["<html><head><title>502 Bad Gateway</title></head><body><h1>nginx</h1></body></html>", "502 Bad Gateway"],
    ["<!doctype html><TITLE\n lang=en>\n It&#39;s  down &amp; out\n</TITLE>", "It's down & out"],
    ["<html><title></title><body><h1>Sign <b>in</b></h1></body></html>", "Sign in"],
    ["<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>", "AccessDenied"],
    ["event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":1,\"message\":\"gone\"}}\n\n", "gone"],
    ["\u001b[31mred\u0007 \u202eevil", "[31mred evil"],
    ["x".repeat(400), `${"x".repeat(300)}…`]
  ]
  for (const [body, words] of cases) {
    it(`are ${JSON.stringify(words)?.slice(0, 40)} in ${JSON.stringify(body.slice(0, 50))}`, () => {
      assert.strictEqual(wordsIn(body), words)
    })
  }

  it.live("are told of a success that is no answer, too", () =>
    Effect.gen(function*() {
      const { ask, failed, server } = yield* open({ hasSessions: false })
      server.override.set("odd", (response) => {
        response.writeHead(200, { "content-type": "text/html" }).end("<title>Please sign in</title>")
      })
      assert.deepStrictEqual(yield* failed(ask(1, "odd")), {
        _tag: "Unintelligible",
        description: "HTTP 200 with text/html where JSON or an event stream was due: Please sign in"
      })
    }))
})
