/** The same jobs behind every kind of host, and callers that say who they are by a token. */
import * as Job from "@holdfast/jobs/Job"
import * as Jobs from "@holdfast/jobs/Jobs"
import { JobStore } from "@holdfast/jobs/JobStore"
import { JobTasks, JobTools } from "@holdfast/jobs/mcp"
import * as MemoryStore from "@holdfast/jobs/MemoryStore"
import * as Runner from "@holdfast/jobs/Runner"
import * as Authenticator from "@holdfast/server/Authenticator"
import * as McpHost from "@holdfast/server/McpHost"
import { Client } from "@modelcontextprotocol/sdk/client/index.js"
import { SSEClientTransport } from "@modelcontextprotocol/sdk/client/sse.js"
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import type { AuthInfo } from "@modelcontextprotocol/sdk/server/auth/types.js"
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js"
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js"
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js"
import { McpError, ResultSchema } from "@modelcontextprotocol/sdk/types.js"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as References from "effect/References"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import * as http from "node:http"
import type { AddressInfo } from "node:net"

export const Scan = Job.make("scan", {
  version: 1,
  payload: { path: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ path }) => path,
  concurrency: 8
})

/** `/done` is done at once, everything else never. */
export const ScanLive = Runner.toLayer(Scan, ({ path }) => path === "/done" ? Effect.succeed("s3cret") : Effect.never)
  .pipe(
    Layer.provideMerge(MemoryStore.layer)
  )

/** What was answered: a result, or an error's code and message. */
export type Answered =
  | { readonly result: Readonly<Record<string, unknown>> }
  | { readonly error: { readonly code: number; readonly message: string } }

export interface Caller {
  readonly ask: (method: string, params?: Record<string, unknown>) => Effect.Effect<Answered>
}

export interface Host {
  /** Somebody who calls with the token of this name: alice, bob; at another host than ours, anything. */
  readonly as: (name: string) => Effect.Effect<Caller, never, Scope.Scope>
}

export const server = Effect.gen(function*() {
  const tasks = yield* JobTasks.make()
  const mcp = new McpServer({ name: "scanner", version: "1.0.0" }, tasks.serverOptions)
  yield* JobTools.register(mcp, Scan, { tasks })
  return mcp
})

const tokenOf = (name: string): string => `token-of-${name}-0123456789`
const headersOf = (name: string) => ({ authorization: `Bearer ${tokenOf(name)}` })

export const callerOver = (transport: Transport): Effect.Effect<Caller, never, Scope.Scope> =>
  Effect.gen(function*() {
    const client = new Client({ name: "test", version: "1.0.0" }, { capabilities: { tasks: {} } })
    yield* Effect.acquireRelease(
      Effect.promise(() => client.connect(transport)),
      () => Effect.promise(() => client.close())
    )
    return {
      ask: (method, params = {}) =>
        Effect.promise(() =>
          client.request({ method, params }, ResultSchema).then(
            (result): Answered => ({ result }),
            (error: unknown): Answered => {
              if (!(error instanceof McpError)) throw error
              return { error: { code: error.code, message: error.message } }
            }
          )
        )
    }
  })

const ours = (options: { readonly legacySse?: boolean; readonly stateless?: { readonly keep: number } } = {}) =>
  Effect.map(
    Layer.build(
      McpHost.layerHttp({
        server,
        port: 0,
        drainTimeout: "50 millis",
        auth: Authenticator.bearerTokens({
          alice: Redacted.make(tokenOf("alice")),
          bob: Redacted.make(tokenOf("bob"))
        }),
        ...options
      }).pipe(Layer.provide(Layer.succeed(References.MinimumLogLevel, "Warn")))
    ),
    (context) => {
      const { address } = Context.get(context, HttpServer.HttpServer)
      return `http://127.0.0.1:${"port" in address ? address.port : 0}`
    }
  )

const overStreamableHttp = (url: string, name: string) =>
  callerOver(
    // The SDK's own type of its transport is not exact about what is optional.
    new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: headersOf(name) } }) as Transport
  )

/** Revision 2026-07-28, a request at a time. */
const overRequests = (url: string, name: string): Caller => {
  let last = 0
  return {
    ask: (method, params = {}) =>
      Effect.promise(async () => {
        const prefix = "io.modelcontextprotocol/"
        const named = params["name"] ?? params["taskId"]
        const response = await fetch(url, {
          method: "POST",
          headers: {
            ...headersOf(name),
            "content-type": "application/json",
            accept: "application/json, text/event-stream",
            "mcp-protocol-version": "2026-07-28",
            "mcp-method": method,
            ...(typeof named === "string" && { "mcp-name": named })
          },
          body: JSON.stringify({
            jsonrpc: "2.0",
            id: ++last,
            method,
            params: {
              ...params,
              _meta: {
                [`${prefix}protocolVersion`]: "2026-07-28",
                [`${prefix}clientInfo`]: { name: "raw", version: "1" },
                [`${prefix}clientCapabilities`]: { extensions: { [`${prefix}tasks`]: {} } }
              }
            }
          })
        })
        // One answer in JSON: what is asked here neither reports nor asks back.
        const { error, result } = await response.json() as {
          readonly error?: { readonly code: number; readonly message: string }
          readonly result: Readonly<Record<string, unknown>>
        }
        return error === undefined ? { result } : { error }
      })
  }
}

/** The SDK's own transport, with what a host's authentication has left in the request. */
const theirs = (hasSessions: boolean, authInfoOf: (name: string) => AuthInfo | undefined) =>
  Effect.gen(function*() {
    const run = Effect.runPromiseWith(yield* Effect.context<Jobs.Jobs>())
    const sessions = new Map<string, StreamableHTTPServerTransport>()
    const connected = async (options: ConstructorParameters<typeof StreamableHTTPServerTransport>[0]) => {
      const transport = new StreamableHTTPServerTransport(options)
      const mcp = await run(server)
      await mcp.connect(transport as Transport)
      return transport
    }
    const transportOf = async (id: unknown): Promise<StreamableHTTPServerTransport> => {
      if (!hasSessions) return connected({})
      const known = typeof id === "string" ? sessions.get(id) : undefined
      if (known !== undefined) return known
      const transport: StreamableHTTPServerTransport = await connected({
        sessionIdGenerator: randomUUID,
        onsessioninitialized: (id) => void sessions.set(id, transport)
      })
      return transport
    }
    const listener = http.createServer((request, response) => {
      const name = /token-of-(.+)-0123456789$/.exec(request.headers.authorization ?? "")?.[1] ?? ""
      const auth = authInfoOf(name)
      void transportOf(request.headers["mcp-session-id"]).then((transport) =>
        transport.handleRequest(Object.assign(request, auth !== undefined && { auth }), response)
      )
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void listener.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          listener.close(() => resume(Effect.void))
          listener.closeAllConnections()
        })
    )
    // A server that listens on a port has an address of this form.
    const { port } = listener.address() as AddressInfo
    return `http://127.0.0.1:${port}`
  })

export const clientOnly = (name: string): AuthInfo => ({ token: "", clientId: name, scopes: [] })

type Open = Effect.Effect<Host, unknown, Jobs.Jobs | JobStore | Scope.Scope>

const hosted = (
  url: Effect.Effect<string, unknown, Jobs.Jobs | JobStore | Scope.Scope>,
  as: (url: string) => Host["as"]
) => Effect.map(url, (url): Host => ({ as: as(url) }))

/** Hosts that speak revisions with `initialize`. */
export const legacyHosts: Readonly<Record<string, Open>> = {
  "our host, with sessions": hosted(ours(), (url) => (name) => overStreamableHttp(`${url}/mcp`, name)),
  "our host, over HTTP+SSE": hosted(ours({ legacySse: true }), (url) => (name) => {
    const requestInit = { headers: headersOf(name) }
    const eventSourceInit = {
      fetch: (input: string | URL | Request, init?: RequestInit) =>
        fetch(input, { ...init, headers: { ...requestInit.headers, accept: "text/event-stream" } })
    }
    return callerOver(new SSEClientTransport(new URL(`${url}/sse`), { requestInit, eventSourceInit }))
  }),
  "the SDK's host, with sessions": hosted(theirs(true, clientOnly), (url) => (name) => overStreamableHttp(url, name)),
  "the SDK's host, without sessions": hosted(
    theirs(false, clientOnly),
    (url) => (name) => overStreamableHttp(url, name)
  )
}

/** Hosts that speak revision 2026-07-28. */
export const modernHosts: Readonly<Record<string, Open>> = {
  "our host, without sessions": hosted(ours(), (url) => (name) => Effect.succeed(overRequests(`${url}/mcp`, name))),
  "our host, with servers that are kept": hosted(
    ours({ stateless: { keep: 4 } }),
    (url) => (name) => Effect.succeed(overRequests(`${url}/mcp`, name))
  )
}

/** A host of the SDK's where everybody comes through the session that the first has opened. */
export const oneSession: Open = hosted(theirs(true, clientOnly), (url) => {
  let id: string | undefined
  return (name) =>
    Effect.gen(function*() {
      const headers = { ...headersOf(name), ...(id !== undefined && { "mcp-session-id": id }) }
      const options = { requestInit: { headers }, ...(id !== undefined && { sessionId: id }) }
      const transport = new StreamableHTTPClientTransport(new URL(url), options)
      const caller = yield* callerOver(transport as Transport)
      id ??= transport.sessionId
      return caller
    })
})

/** A host of the SDK's where callers are known by what `authInfoOf` says. */
export const sdkHost = (authInfoOf: (name: string) => AuthInfo | undefined): Open =>
  hosted(theirs(false, authInfoOf), (url) => (name) => overStreamableHttp(url, name))
