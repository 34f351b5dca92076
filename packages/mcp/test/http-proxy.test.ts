/** Proxies that the environment names. */
import { assert, describe, it } from "@effect/vitest"
import * as HttpLink from "@holdfast/mcp/HttpLink"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import * as net from "node:net"
import { live, open } from "./support/OpenHttp.ts"
import * as SpyHttp from "./support/SpyHttp.ts"

interface Proxy {
  readonly url: string
  /** What it was asked for, and with what credentials. */
  readonly asked: Array<{ readonly what: string; readonly authorization: string | undefined }>
  /** The status it answers everything with. */
  status: number
}

/** A proxy that answers itself whatever it is asked to pass on, so that hosts need not exist. */
const proxy: Effect.Effect<Proxy, never, Scope.Scope> = Effect.acquireRelease(
  Effect.callback<Proxy & { readonly server: http.Server }>((resume) => {
    const asked: Proxy["asked"] = []
    const server = http.createServer((request, response) => {
      const authorization = request.headers["proxy-authorization"]
      asked.push({ what: `${request.method} ${request.url}`, authorization })
      let body = ""
      request.on("data", (chunk) => body += String(chunk))
      request.on("end", () => {
        response.writeHead(self.status, { "content-type": "application/json" })
        response.end(JSON.stringify({ jsonrpc: "2.0", id: body === "" ? null : JSON.parse(body).id, result: {} }))
      })
    })
    server.on("connect", (request: http.IncomingMessage, socket: net.Socket) => {
      asked.push({ what: `CONNECT ${request.url}`, authorization: request.headers["proxy-authorization"] })
      socket.end(`HTTP/1.1 ${self.status} No\r\n\r\n`)
    })
    const self = { url: "", asked, status: 200, server }
    server.listen(0, "127.0.0.1", () => {
      const address = server.address()
      self.url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
      resume(Effect.succeed(self))
    })
  }),
  ({ server }) =>
    Effect.callback<void>((resume) => {
      server.close(() => resume(Effect.void))
      server.closeAllConnections()
    })
)

const withProxies = (proxies: HttpLink.HttpProxies) =>
  Effect.provideService(HttpLink.HttpProxies, Effect.succeed(proxies))

/** Sets variables of this process for as long as the Scope lives. */
const environment = (variables: Record<string, string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const names = Object.keys(variables)
      const before = names.map((name) => [name, process.env[name]] as const)
      Object.assign(process.env, variables)
      return before
    }),
    (before) =>
      Effect.sync(() => {
        for (const [name, value] of before) {
          if (value === undefined) delete process.env[name]
          else process.env[name] = value
        }
      })
  )

describe("a link behind a proxy", () => {
  it.live("goes through the one that the environment named when it was made", () =>
    Effect.gen(function*() {
      const through = yield* proxy
      const other = yield* proxy
      yield* environment({ http_proxy: through.url, no_proxy: "" })
      const { answered, ask } = yield* open({ url: "http://mcp.holdfast.invalid/mcp" })
      yield* environment({ http_proxy: other.url, HTTP_PROXY: other.url })
      ask(1, "echo")
      yield* answered(1)
      assert.deepStrictEqual(through.asked.map(({ what }) => what), ["POST http://mcp.holdfast.invalid/mcp"])
      assert.isEmpty(other.asked)
    }))

  it.live("reaches this machine directly, unless told otherwise", () =>
    Effect.gen(function*() {
      const { asked, url } = yield* proxy
      const server = yield* SpyHttp.make({ answers: "json", hasSessions: false })
      for (const host of ["127.0.0.1", "localhost"]) {
        const direct = yield* open({ url: server.url.replace("127.0.0.1", host) }).pipe(withProxies({ httpProxy: url }))
        direct.ask(1, "echo")
        yield* direct.answered(1)
      }
      assert.isEmpty(asked)
      assert.strictEqual(server.requests.length, 2)
      const told = yield* open({ url: server.url }).pipe(withProxies({ httpProxy: url, includeLoopback: true }))
      told.ask(1, "echo")
      yield* told.answered(1)
      assert.deepStrictEqual(asked.map(({ what }) => what), [`POST ${server.url}`])
      assert.strictEqual(server.requests.length, 2)
    }))

  it.live("goes past it for the hosts that NO_PROXY names", () =>
    Effect.gen(function*() {
      const { asked, url } = yield* proxy
      const server = yield* SpyHttp.make({ answers: "json", hasSessions: false })
      const proxies = { httpProxy: url, includeLoopback: true, noProxy: "example.com, 127.0.0.1" }
      const { answered, ask } = yield* open({ url: server.url }).pipe(withProxies(proxies))
      ask(1, "echo")
      yield* answered(1)
      assert.isEmpty(asked)
    }))

  it.live("shows its own credentials to the proxy and to nobody else", () =>
    Effect.gen(function*() {
      const { asked, url } = yield* proxy
      const httpProxy = url.replace("http://", "http://me:pass@")
      const { answered, ask } = yield* open({ url: "http://mcp.holdfast.invalid/mcp" }).pipe(withProxies({ httpProxy }))
      ask(1, "echo")
      yield* answered(1)
      assert.strictEqual(asked[0]?.authorization, `Basic ${btoa("me:pass")}`)
    }))

  it.live("has sent nothing when the proxy refuses the tunnel, and was refused when it wants credentials", () =>
    Effect.gen(function*() {
      const through = yield* proxy
      through.status = 403
      const tunnelled = yield* open({ url: "https://mcp.holdfast.invalid/mcp" }).pipe(
        withProxies({ httpsProxy: through.url })
      )
      const call = tunnelled.ask(1, "echo")
      assert.deepInclude(yield* tunnelled.failed(call), { _tag: "Lost", delivery: "NotSent" })
      assert.strictEqual(call.handOffs, 0)
      assert.deepStrictEqual(through.asked.map(({ what }) => what), ["CONNECT mcp.holdfast.invalid:443"])
      through.status = 407
      const plain = yield* open({ url: "http://mcp.holdfast.invalid/mcp" }).pipe(
        withProxies({ httpProxy: through.url })
      )
      const refused = plain.ask(1, "echo")
      assert.deepInclude(yield* plain.failed(refused), { _tag: "Rejected", status: 407 })
      yield* live("settled once", () => refused.failures.length === 1)
    }))

  it.live("is not made when the proxy has no address, and says where it stands, not what", () =>
    Effect.gen(function*() {
      for (const wrong of ["s3cret-nonsense", "ftp://s3cret@proxy"]) {
        const { description } = yield* Effect.flip(
          open({ url: "http://mcp.holdfast.invalid/", headers: { a: Redacted.make("b") } }).pipe(
            withProxies({ httpsProxy: wrong })
          )
        )
        assert.include(description, "HTTPS_PROXY")
        assert.notInclude(description, "s3cret")
      }
      yield* open().pipe(withProxies({ httpProxy: "nonsense" }))
    }))
})
