/** Who gets past the guard: every combination of what a browser page, a program or an attacker can say. */
import { assert, describe, it } from "@effect/vitest"
import * as Authenticator from "@holdfast/server/Authenticator"
import * as Guard from "@holdfast/server/Guard"
import * as McpHost from "@holdfast/server/McpHost"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import * as Config from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Redacted from "effect/Redacted"
import * as http from "node:http"
import { open } from "./support/hosted.ts"
import { RawClient } from "./support/rawClient.ts"

const port = 8080
/** What is said, and whether that alone is in order. */
type Said = readonly [value: string | undefined, isGood: boolean]

const hosts: ReadonlyArray<Said> = [
  ["localhost:8080", true],
  ["LOCALHOST:8080", true],
  ["127.0.0.1:8080", true],
  ["[::1]:8080", true],
  ["mcp.example.org", true],
  ["mcp.example.org:443", true],
  [undefined, false],
  ["", false],
  ["localhost", false],
  ["localhost:8081", false],
  ["localhost.:8080", false],
  ["evil.example:8080", false],
  ["localhost.evil.example:8080", false],
  ["127.0.0.1.nip.io:8080", false],
  ["2130706433:8080", false],
  ["0x7f000001:8080", false],
  ["0.0.0.0:8080", false],
  ["127.1:8080", false],
  ["[::]:8080", false],
  ["[::ffff:127.0.0.1]:8080", false],
  ["user@localhost:8080", false],
  ["localhost:8080@evil.example", false],
  ["localhost:8080/", false],
  ["localhost:8080 evil", false],
  ["localhost:080808080", false],
  ["mcp.example.org.evil.example", false]
]
/** For pages: good if it is the host's own or listed. */
const origins = [
  undefined,
  "http://localhost:8080",
  "http://127.0.0.1:8080",
  "https://mcp.example.org",
  "https://app.example.org",
  "null",
  "https://evil.example",
  "http://localhost:3000",
  "http://localhost:8080.evil.example",
  "file://"
] as const
const sites = [undefined, "same-origin", "none", "same-site", "cross-site"] as const
const options: Guard.GuardOptions = {
  allowedHosts: ["MCP.example.org"],
  allowedOrigins: ["https://app.example.org"]
}

/** Written down apart from the rules: which origin is whose. */
const ownOrigins: Readonly<Record<string, ReadonlyArray<string>>> = {
  "localhost:8080": ["http://localhost:8080"],
  "127.0.0.1:8080": ["http://127.0.0.1:8080"],
  "mcp.example.org": ["https://mcp.example.org"],
  "mcp.example.org:443": ["https://mcp.example.org"]
}

describe("the guard", () => {
  it("lets past what was meant for this server by whom it may be, and nothing else, in every combination", () => {
    let cases = 0
    for (const [host, isHostGood] of hosts) {
      for (const origin of origins) {
        for (const secFetchSite of sites) {
          const isListed = origin === "https://app.example.org"
          const isOwn = origin !== undefined && (ownOrigins[host?.toLowerCase() ?? ""] ?? []).includes(origin)
          const isOriginGood = origin === undefined || isListed || isOwn
          const isSiteGood = secFetchSite === undefined || ["same-origin", "none"].includes(secFetchSite) || isListed
          const refused = Guard.judge(
            { method: "GET", host, origin, secFetchSite, contentType: undefined, contentLength: undefined },
            port,
            options
          )
          const what = JSON.stringify({ host, origin, secFetchSite })
          if (isHostGood && isOriginGood && isSiteGood) assert.isUndefined(refused, what)
          else assert.strictEqual(refused?.status, 403, what)
          cases++
        }
      }
    }
    assert.isAbove(cases, 1000)
  })

  it("takes no body that a page could send without asking, and none that is too long", () => {
    const post = (contentType: string | undefined, contentLength?: string) =>
      Guard.judge(
        {
          method: "POST",
          host: "localhost:8080",
          origin: undefined,
          secFetchSite: undefined,
          contentType,
          contentLength
        },
        port,
        {}
      )?.status
    for (const type of ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON"]) {
      assert.isUndefined(post(type))
    }
    for (
      const type of [
        undefined,
        "",
        "text/plain",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/jsonp",
        "application/json, text/plain"
      ]
    ) assert.strictEqual(post(type), 415, String(type))
    assert.strictEqual(post("application/json", String(4 * 1024 * 1024)), undefined)
    assert.strictEqual(post("application/json", String(4 * 1024 * 1024 + 1)), 413)
  })

  it.effect("refuses to serve other machines without knowing who asks", () =>
    Effect.gen(function*() {
      const server = () => ({ connect: () => Promise.resolve(), close: () => Promise.resolve() })
      for (const host of ["0.0.0.0", "::", "192.168.1.7", "example.org", "127.0.0.1.nip.io"]) {
        const error = yield* Effect.flip(Layer.build(McpHost.layerHttp({ server, port: 0, host })))
        assert.strictEqual("reason" in error ? error.reason?._tag : undefined, "UnsafeBind")
      }
    }))

  it.effect("warns where other machines are served, and allowedHosts has no name for them to use", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const auth = yield* Authenticator.bearerTokens({ me: Redacted.make("0123456789abcdef") })
      yield* Effect.gen(function*() {
        yield* Guard.checkBind("0.0.0.0", { auth, allowedHosts: ["mcp.example.org"] })
        yield* Guard.checkBind("127.0.0.1", {})
        assert.deepStrictEqual(lines, [])
        yield* Guard.checkBind("0.0.0.0", { auth })
      }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])))
      assert.lengthOf(lines, 1)
      assert.include(lines[0], "allowedHosts")
    }))

  it.live("names the name that allowedHosts lacks, to the client and once in the log", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      yield* Effect.gen(function*() {
        const { port } = yield* open()
        for (const host of ["mcp.example.org", "MCP.example.org", "other.example.org"]) {
          const { body, status } = yield* answerTo(port, host)
          assert.strictEqual(status, 403)
          assert.include(body, host.toLowerCase())
          assert.include(body, "allowedHosts")
        }
        for (let i = 0; i < 40; i++) yield* answerTo(port, `made-up-${i}.example`)
      }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])))
      const about = (name: string) => lines.filter((line) => line.includes(name)).length
      assert.deepStrictEqual([about("mcp.example.org"), about("other.example.org")], [1, 1])
      assert.isBelow(about("made-up"), 16)
    }))
})

/** What a server answers to a request by this name. */
const answerTo = (port: number, host: string) =>
  Effect.callback<{ readonly status: number; readonly body: string }>((resume) => {
    const request = http.get({ port, host: "127.0.0.1", path: "/mcp", headers: { host } }, (response) => {
      let body = ""
      response.setEncoding("utf8").on("data", (chunk: string) => body += chunk)
        .once("end", () => resume(Effect.succeed({ status: response.statusCode ?? 0, body })))
    })
    request.once("error", () => resume(Effect.succeed({ status: 0, body: "" })))
  })

const tokens = { ann: Redacted.make("token-of-ann-0123456789"), bob: Redacted.make("token-of-bob-0123456789") }
const bearer = (name: keyof typeof tokens) => ({ authorization: `Bearer ${Redacted.value(tokens[name])}` })

describe("a server that asks who it is", () => {
  it.live("answers 401 with a challenge, and never with a session", () =>
    Effect.gen(function*() {
      const { registry, url } = yield* open({ auth: McpHost.bearerTokens(tokens) })
      for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: "Basic YTpi" }]) {
        const response = yield* new RawClient(url, headers).request("initialize")
        assert.strictEqual(response.status, 401)
        assert.match(response.headers.get("www-authenticate") ?? "", /^Bearer/)
      }
      assert.strictEqual((yield* registry.snapshot).opened, 0)
    }))

  it.live("a session is nobody's but its principal's, whoever knows its id", () =>
    Effect.gen(function*() {
      const { registry, url } = yield* open({ auth: McpHost.bearerTokens(tokens) })
      const ann = new RawClient(url, bearer("ann"))
      yield* ann.initialize()
      const id = ann.headers["mcp-session-id"] ?? ""
      const bob = new RawClient(url, { ...bearer("bob"), "mcp-session-id": id })
      assert.strictEqual((yield* bob.call("echo", { text: "mine?" })).status, 404)
      assert.strictEqual((yield* bob.send(undefined, {}, "GET")).status, 404)
      assert.strictEqual((yield* bob.send(undefined, {}, "DELETE")).status, 404)
      assert.strictEqual((yield* ann.call("echo", { text: "mine" })).status, 200)
      assert.deepStrictEqual((yield* registry.snapshot).sessions.map(({ principal }) => principal), ["ann"])
    }))

  it.live("asks a principal that asks too often to come back later, and serves the others", () =>
    Effect.gen(function*() {
      const { url } = yield* open({
        auth: McpHost.bearerTokens(tokens),
        rateLimit: { limit: 4, window: "1 hour" }
      })
      const ann = new RawClient(url, bearer("ann"))
      yield* ann.initialize()
      let status = 200
      for (let i = 0; i < 5 && status === 200; i++) status = (yield* ann.call("echo", { text: "" })).status
      assert.strictEqual(status, 429)
      yield* new RawClient(url, bearer("bob")).initialize()
    }))

  it.effect("a token that is too short, or none at all, is no way to be known", () =>
    Effect.gen(function*() {
      for (const known of [{}, { me: Redacted.make("short") }]) {
        const error = yield* Effect.flip(Authenticator.bearerTokens(known))
        assert.strictEqual("reason" in error ? error.reason?._tag : undefined, "ServerOptionInvalid")
        assert.notInclude(error.message, "short")
      }
    }))

  it.live("a server takes its port and address from the configuration, and names in a sentence what is not there", () =>
    Effect.gen(function*() {
      const started = (values: Record<string, string>) =>
        Effect.scoped(Layer.build(McpHost.layerHttp({
          server: () => new McpServer({ name: "x", version: "1" }),
          port: Config.Int("PORT"),
          host: Config.String("HOST")
        }))).pipe(Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(values)))
      yield* started({ PORT: "0", HOST: "127.0.0.1" })
      const wordsOf = (values: Record<string, string>) =>
        Effect.map(Effect.flip(started(values)), ({ message }) => message)
      for (const values of [{ HOST: "127.0.0.1" }, { HOST: "127.0.0.1", PORT: "a secret" }]) {
        assert.strictEqual(
          yield* wordsOf(values),
          "port: expected a port in the variable PORT, got nothing that is one: it is not set, or says something else"
        )
      }
      assert.include(yield* wordsOf({ PORT: "0" }), "host: expected an address in the variable HOST")
    }))

  it.effect("a variable for tokens that is not set is named in a sentence", () =>
    Effect.gen(function*() {
      const asked = [Config.Redacted("SCAN_TOKENS"), Config.nested(Config.Redacted("TOKENS"), "SCAN")]
      for (const tokens of asked) {
        const error = yield* Effect.flip(Authenticator.bearerTokens(tokens)).pipe(
          Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({}))
        )
        assert.strictEqual(error.message, "auth: expected tokens in the variable SCAN_TOKENS, got none: it is not set")
      }
    }))
})

/** Says a request that `fetch` would not. */
const raw = (port: number, options: http.RequestOptions, body = "") =>
  Effect.callback<number>((resume) => {
    const request = http.request({ port, host: "127.0.0.1", path: "/mcp", method: "POST", ...options }, (response) => {
      response.resume().once("end", () => resume(Effect.succeed(response.statusCode ?? 0)))
    })
    request.once("error", () => resume(Effect.succeed(0)))
    request.end(body)
  })

describe("a server on a real socket", () => {
  it.live("refuses a page whose name was rebound to its address", () =>
    Effect.gen(function*() {
      const { port, registry } = yield* open()
      const json = { "content-type": "application/json" }
      assert.strictEqual(yield* raw(port, { headers: { ...json, host: "evil.example" } }, "{}"), 403)
      assert.strictEqual(yield* raw(port, { headers: { ...json, origin: "https://evil.example" } }, "{}"), 403)
      assert.strictEqual(yield* raw(port, { headers: { "content-type": "text/plain" } }, "{}"), 415)
      assert.strictEqual(yield* raw(port, { headers: json }, "x".repeat(5 * 1024 * 1024)), 413)
      assert.strictEqual(yield* raw(port, { method: "OPTIONS", headers: { origin: "https://evil.example" } }), 403)
      assert.strictEqual((yield* registry.snapshot).opened, 0)
    }))
})
