/** What becomes of cookies, by the rules of RFC 6265 for one origin, and on the wire. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { HttpCookies } from "../src/internal/http/HttpCookies.ts"
import { open } from "./support/OpenHttp.ts"

const at = (url: string) => new URL(url)
const here = at("https://api.example.com/mcp/v1")

const sent = (setCookie: string | ReadonlyArray<string>, url = here, now = 0, own?: string): string | undefined => {
  const jar = new HttpCookies()
  jar.store(setCookie, here, 0)
  return jar.headerFor(url, own, now)
}

describe("a cookie", () => {
  it("goes back by its path, the longer path first", () => {
    assert.strictEqual(sent(["AWSALB=a; Path=/", "JSESSIONID=b; Path=/mcp"]), "JSESSIONID=b; AWSALB=a")
    assert.strictEqual(sent("a=1; Path=/mcp", at("https://api.example.com/mcp")), "a=1")
    assert.isUndefined(sent("a=1; Path=/mcp", at("https://api.example.com/mcpx")))
    assert.isUndefined(sent("a=1; Path=/other"))
    // The default path is the folder of the request.
    assert.strictEqual(sent("a=1", at("https://api.example.com/mcp/v2")), "a=1")
    assert.isUndefined(sent("a=1", at("https://api.example.com/")))
  })

  it("is kept to https when it says so", () => {
    assert.strictEqual(sent("a=1; Secure; Path=/"), "a=1")
    assert.isUndefined(sent("a=1; secure; Path=/", at("http://api.example.com/")))
  })

  it("ends by Max-Age, or else by Expires, and is taken back by one that is over", () => {
    assert.strictEqual(sent("a=1; Max-Age=10", here, 9999), "a=1")
    assert.isUndefined(sent("a=1; Max-Age=10; Expires=Fri, 01 Jan 2100 00:00:00 GMT", here, 10_000))
    assert.isUndefined(sent("a=1; Expires=Thu, 01 Jan 1970 00:00:10 GMT", here, 10_000))
    assert.strictEqual(sent("a=1; Expires=nonsense", here, 1e15), "a=1")
    assert.isUndefined(sent(["a=1", "a=; Max-Age=0"]))
    assert.strictEqual(sent(["a=1", "a=2"]), "a=2")
  })

  it("of another domain is not taken", () => {
    assert.strictEqual(sent("a=1; Domain=.example.com"), "a=1")
    assert.isUndefined(sent("a=1; Domain=other.com"))
    assert.isUndefined(sent("a=1; Domain=com"))
    assert.isUndefined(sent("a=1; Domain=xample.com"))
  })

  it("that HTTP could not send, or that is too large, is not taken", () => {
    for (const wrong of ["", "=1", "novalue", "a=1\u0001", "a\nb=1", `a=${"x".repeat(5000)}`]) {
      assert.isUndefined(sent(wrong))
    }
    assert.lengthOf(sent(Array.from({ length: 60 }, (_, index) => `c${index}=1`))?.split("; ") ?? [], 50)
  })

  it("of the user's own comes first, and stands in the place of one of its name", () => {
    assert.strictEqual(sent(["LB=1", "x=2"], here, 0, "LB=mine"), "LB=mine; x=2")
    assert.strictEqual(new HttpCookies().headerFor(here, "LB=mine", 0), "LB=mine")
  })
})

describe("a link whose server sets cookies", () => {
  it.live("sends them with every later request, of its own alone, and says none of their values", () =>
    Effect.gen(function*() {
      const one = yield* open()
      const cookies = () => one.server.requests.map(({ headers }) => headers.cookie)
      one.server.override.set("initialize", (response, { id }) => {
        response.writeHead(200, {
          "content-type": "application/json",
          "mcp-session-id": "s1",
          "set-cookie": ["LB=replica-sentinel-1; Path=/; HttpOnly", "other=1; Path=/elsewhere"]
        })
        response.end(JSON.stringify({ jsonrpc: "2.0", id, result: {} }))
      })
      one.server.sessions.add("s1")
      yield* one.initialize
      one.server.override.set(
        "odd",
        (response) => void response.writeHead(400).end(`your cookie is ${one.server.requests.at(-1)?.headers.cookie}`)
      )
      const failure = yield* one.failed(one.ask(1, "odd"))
      assert.strictEqual(failure?.description, "your cookie is LB=<redacted>")
      assert.deepStrictEqual(cookies(), [undefined, ...cookies().slice(1).map(() => "LB=replica-sentinel-1")])
      const two = yield* open({ url: one.server.url })
      two.ask(1, "echo")
      yield* two.answered(1).pipe(Effect.timeoutOption("1 millis"))
      two.ask(2, "odd")
      yield* two.failed(two.ask(3, "odd"))
      assert.isUndefined(cookies().at(-1))
    }))
})
