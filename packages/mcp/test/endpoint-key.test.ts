import { Endpoint, EndpointKey } from "@holdfast/mcp"
import * as Redacted from "effect/Redacted"
import { assert, describe, it } from "vitest"

const base = { command: "node", args: ["server.js", "--port", "1"], cwd: "/srv", env: { A: "1", B: "2" } }
const stdio = (changes: Partial<Parameters<typeof Endpoint.stdio>[0]> = {}) =>
  EndpointKey.make(Endpoint.stdio({ ...base, ...changes }))
const http = (url: string, headers: Record<string, string> = {}) => EndpointKey.make(Endpoint.http({ url, headers }))

describe("EndpointKey", () => {
  it("is equal for endpoints that say the same", () => {
    assert.strictEqual(stdio(), stdio())
    assert.strictEqual(stdio(), stdio({ env: { A: Redacted.make("1"), B: "2" } }))
    assert.match(stdio(), /^[0-9a-f]{64}$/)
  })

  it("stays the same over releases, because programs of different versions share connections by it", () => {
    assert.strictEqual(stdio(), "3806d49a3b5e79d3383b8cf4152eab408cf3aab83e4b49335a932faebfda8cce")
    assert.strictEqual(
      http("https://example.org/mcp", { Authorization: "Bearer x" }),
      "2ddff958b70cc843a42a8b029c1094453738a32d1e1740302af04938dc86225b"
    )
  })

  it("does not depend on the order of variables", () => {
    assert.strictEqual(stdio(), stdio({ env: { B: "2", A: "1" } }))
  })

  it("differs when anything that makes another process differs", () => {
    const keys = [
      stdio(),
      stdio({ command: "deno" }),
      stdio({ args: ["server.js", "--port 1"] }),
      stdio({ args: ["--port", "1", "server.js"] }),
      stdio({ cwd: "/srv/" }),
      stdio({ cwd: undefined }),
      stdio({ env: { A: "1" } }),
      stdio({ env: { A: "12", B: "" } }),
      stdio({ env: { a: "1", B: "2" } }),
      stdio({ inheritEnv: true }),
      EndpointKey.make(Endpoint.stdio(base), { identity: "alice" }),
      EndpointKey.make(Endpoint.stdio(base), { identity: "bob" })
    ]
    assert.strictEqual(new Set(keys).size, keys.length)
  })

  it("knows that urls and header names can be written in more than one way", () => {
    assert.strictEqual(http("https://Example.org:443/mcp#top"), http("https://example.org/mcp"))
    assert.strictEqual(http("http://example.org"), http("http://example.org/"))
    assert.strictEqual(http("http://h/", { "X-A": "1", b: "2" }), http("http://h/", { B: "2", "x-a": "1" }))
  })

  it("does not say what is the default anyway", () => {
    const said = Endpoint.http({ url: "http://h/mcp", push: true, sessionEndTimeout: 2000 })
    assert.strictEqual(EndpointKey.make(said), http("http://h/mcp"))
  })

  it("differs when another server, another query or another credential is meant", () => {
    const keys = [
      http("http://h/mcp"),
      http("https://h/mcp"),
      http("http://h:81/mcp"),
      http("http://h/mcp/"),
      http("http://h/MCP"),
      http("http://h/mcp?a=1&b=2"),
      http("http://h/mcp?b=2&a=1"),
      http("http://user@h/mcp"),
      http("http://h/mcp", { authorization: "Bearer A" }),
      http("http://h/mcp", { authorization: "Bearer a" }),
      EndpointKey.make(Endpoint.http({ url: "http://h/mcp", push: false })),
      EndpointKey.make(Endpoint.http({ url: "http://h/mcp", sessionEndTimeout: "5 seconds" })),
      http("not a url"),
      http("not a url#x")
    ]
    assert.strictEqual(new Set(keys).size, keys.length)
  })

  it("shows no secret, and neither does the endpoint when it is printed", () => {
    const endpoint = Endpoint.http({
      url: "http://user:hunter2@h/mcp?key=hunter2",
      headers: { authorization: "hunter2" }
    })
    assert.notInclude(EndpointKey.make(endpoint), "hunter2")
    assert.notInclude(JSON.stringify(endpoint.headers), "hunter2")
    assert.notInclude(JSON.stringify(Endpoint.stdio({ command: "x", env: { TOKEN: "hunter2" } })), "hunter2")
    assert.strictEqual(Endpoint.describe(endpoint), "http://h/mcp")
  })

  it("is shortened to twelve digits where people read it", () => {
    const key = stdio()
    assert.strictEqual(EndpointKey.fingerprint(key), key.slice(0, 12))
  })
})
