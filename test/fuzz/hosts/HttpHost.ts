/**
 * Our HTTP host, with sessions, without, and HTTP+SSE, on one port: a fuzzed client says bent requests on sockets of their own, while
 * innocent clients of each kind go on.
 */
import * as McpHost from "@holdfast/server/McpHost"
import { SessionRegistry } from "@holdfast/server/SessionRegistry"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { Buffer } from "node:buffer"
import * as http from "node:http"
import * as net from "node:net"
import { server as echoServer } from "../../interop/support/echoServer.ts"
import { cut } from "../Conversation.ts"
import type { Fault } from "../Fault.ts"
import { eventsIn } from "../Framing.ts"
import type { Target } from "../Fuzz.ts"
import { closing, Ear, type Said, Unsettled, within } from "../links/Wire.ts"
import * as Oracle from "../Oracle.ts"
import * as ClientScript from "./ClientScript.ts"
import * as RequestHead from "./RequestHead.ts"
import { wordsOf } from "./StdioHost.ts"

const revision = { legacy: "2025-11-25", modern: "2026-07-28" } as const

const meta = {
  "io.modelcontextprotocol/protocolVersion": revision.modern,
  "io.modelcontextprotocol/clientInfo": { name: "innocent", version: "1" },
  "io.modelcontextprotocol/clientCapabilities": {}
}

interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

/** What a client that does everything right gets. */
const ask = (
  port: number,
  body: object | undefined,
  headers: Readonly<Record<string, string>> = {},
  method = "POST",
  path = "/mcp"
): Effect.Effect<Answer, Unsettled> =>
  within(
    `an innocent ${method} is answered`,
    Effect.callback<Answer, Unsettled>((resume) => {
      const request = http.request({
        port,
        host: "127.0.0.1",
        method,
        path,
        agent: false,
        headers: { "content-type": "application/json", accept: "application/json, text/event-stream", ...headers }
      })
      request.once("error", (error) =>
        resume(Effect.fail(new Unsettled({ what: `an innocent request (${error.message})` }))))
      request.once("response", (response) => {
        const chunks: Array<Buffer> = []
        response.on("data", (chunk: Buffer) =>
          chunks.push(chunk))
        response.once("end", () => {
          resume(Effect.succeed({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString()
          }))
        })
      })
      request.end(body === undefined ? undefined : JSON.stringify(body))
    })
  )

/** The messages in a body, whichever form it has. */
const messagesIn = (body: string): ReadonlyArray<Said> => {
  if (body === "") return []
  try {
    const value: Said | ReadonlyArray<Said> = JSON.parse(body)
    return [value].flat()
  } catch {
    return eventsIn(Buffer.from(body)).filter(({ data }) => data !== "").map(({ data }) => JSON.parse(data))
  }
}

interface Attack {
  readonly socket: net.Socket
  readonly received: () => string
  /** The host has answered, or cut the connection. */
  readonly isDealtWith: () => boolean
}

const attack = (port: number, bytes: Buffer, after: RequestHead.RequestHead["after"], onChange: () => void): Attack => {
  const socket = net.connect(port, "127.0.0.1")
  const chunks: Array<Buffer> = []
  let isClosed = false
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk)
    onChange()
  })
  // Being cut off is one of the answers.
  socket.on("error", () => {})
  socket.on("close", () => {
    isClosed = true
    onChange()
  })
  socket.write(bytes, () => {
    if (after === "end") socket.end()
    if (after === "reset") socket.resetAndDestroy()
  })
  const received = () => Buffer.concat(chunks).toString("latin1")
  return { socket, received, isDealtWith: () => isClosed || received().includes("\r\n\r\n") }
}

const run = (script: ClientScript.ClientScript) =>
  Effect.gen(function*() {
    const faults: Array<Fault> = []
    const broken = (promise: string, detail: string): void => void faults.push({ promise, detail })
    let alive = 0
    const factory = Effect.acquireRelease(
      Effect.sync(() => void alive++),
      () => Effect.sync(() => void alive--)
    ).pipe(Effect.andThen(echoServer))
    const scope = yield* Scope.make()
    const context = yield* Layer.build(
      McpHost.layerHttp({ server: factory, port: 0, legacySse: true, drainTimeout: "50 millis" })
    ).pipe(Scope.provide(scope), Effect.orDie)
    const { address } = Context.get(context, HttpServer.HttpServer)
    const port = "port" in address ? address.port : 0
    const registry = Context.get(context, SessionRegistry)
    const attacks: Array<Attack> = []

    const hello = Effect.gen(function*() {
      const begun = yield* ask(port, ClientScript.initialize)
      const session = {
        "mcp-session-id": String(begun.headers["mcp-session-id"]),
        "mcp-protocol-version": revision.legacy
      }
      yield* ask(port, ClientScript.initialized, session)
      return session
    })
    let nextId = 1000
    const call = (text: string, _meta?: object) => ({
      jsonrpc: "2.0",
      id: nextId++,
      method: "tools/call",
      params: { name: "echo", arguments: { text }, ...(_meta !== undefined && { _meta }) }
    })
    const checkEcho = (when: string, { body, status }: Answer): void => {
      const said = messagesIn(body).some((message) => wordsOf(message) === when)
      if (status !== 200 || !said) broken("an innocent client gets its own answer", `${when}: ${status} ${cut(body)}`)
    }
    const withSession = Effect.fnUntraced(function*(session: Readonly<Record<string, string>>, when: string) {
      checkEcho(when, yield* ask(port, call(when), session))
    })
    const withoutSession = Effect.fnUntraced(function*(when: string) {
      const headers = { "mcp-protocol-version": revision.modern, "mcp-method": "tools/call", "mcp-name": "echo" }
      checkEcho(when, yield* ask(port, call(when, meta), headers))
    })

    const converse = Effect.gen(function*() {
      const innocent = yield* hello
      const sse = yield* openSse(port)
      yield* withSession(innocent, "in a session before")
      yield* sse.echo(call("over HTTP+SSE before"), "over HTTP+SSE before", broken)

      const own = script.era === "legacy" ? yield* hello : {}
      const emissions = ClientScript.mutate(script)
      const sent = emissions.map((emission) => {
        const text = ClientScript.bytesOf({ ...emission, faults: [] }).toString()
        const body = emission.faults.length === 0 ? Buffer.from(text.slice(0, -1)) : ClientScript.bytesOf(emission)
        const head = RequestHead.make("/mcp", { ...headersOf(script.era, text), ...own, host: `127.0.0.1:${port}` })
        for (const { name, pick } of emission.headFaults) RequestHead.faults[name]?.(head, pick)
        return { body, head, emission }
      })
      let look = (): void => {}
      for (const { body, head } of sent) {
        attacks.push(attack(port, RequestHead.render(head, body), head.after, () => look()))
        yield* Effect.yieldNow
      }
      yield* withSession(innocent, "in a session meanwhile")
      yield* withoutSession("without a session meanwhile")

      // What is whole is answered, or cut off. The rest is waited for by the host, for seconds of its own.
      // A tool that asks its client waits for the client, which says nothing.
      const owed = attacks.filter((_, index) =>
        sent[index]?.head.isWhole === true && sent[index]?.body.includes("\"ask\"") === false
      )
      yield* Effect.catch(
        within(
          "every whole request is answered",
          Effect.callback<void>((resume) => {
            look = () => {
              if (owed.every(({ isDealtWith }) => isDealtWith())) resume(Effect.void)
            }
            look()
          })
        ),
        () =>
          Effect.sync(() => {
            const index = attacks.findIndex((one) => owed.includes(one) && !one.isDealtWith())
            broken("a request is answered or refused", cut(sent[index]?.body.toString() ?? ""))
          })
      )
      const messages = ClientScript.messagesOf(script)
      const original = new Set(messages.map(({ text }) => text))
      const odd = sent.map(({ body }) => body.toString()).filter((text) => !original.has(text))
      for (const [index, { body, emission }] of sent.entries()) {
        const message = messages.find(({ text }) => text === body.toString())
        const id = message?.frame.id
        if (emission.isTouched || message?.words === undefined || id === undefined) continue
        if (sent.filter((one) => one.body.equals(body)).length > 1 || odd.some((text) => Oracle.names(text, id))) {
          continue
        }
        // A bent request may have been the DELETE of the session.
        if (sent.some(({ head }) => head.method === "DELETE")) continue
        const one = attacks[index]
        const words = message.words
        yield* Effect.catch(
          within(
            `the untouched ${message.text} is answered`,
            Effect.callback<void>((resume) => {
              look = () => {
                if (one === undefined || Buffer.from(one.received(), "latin1").toString().includes(words)) {
                  resume(Effect.void)
                }
              }
              look()
            })
          ),
          () =>
            Effect.sync(() =>
              broken("an untouched request gets its own answer", `${message.text} but ${cut(one?.received() ?? "")}`)
            )
        )
      }
      for (const { socket } of attacks) {
        if (script.leaving % 2 === 0) socket.destroy()
        else socket.resetAndDestroy()
      }
      yield* withSession(innocent, "in a session after")
      yield* withoutSession("without a session after")
      yield* sse.echo(call("over HTTP+SSE after"), "over HTTP+SSE after", broken)
      const fresh = yield* hello
      yield* withSession(fresh, "in a fresh session")
      for (const session of [innocent, fresh]) yield* ask(port, undefined, session, "DELETE")
      sse.leave()
    })
    yield* Effect.catch(converse, (error) => Effect.sync(() => broken("a run comes to its end", cut(error.message))))
    for (const { socket } of attacks) socket.destroy()
    yield* Effect.catch(
      closing("the host closes", scope),
      (error) => Effect.sync(() => broken("the host closes", error.message))
    )
    const { sessions } = yield* registry.snapshot
    if (sessions.length > 0) broken("no session is left", String(sessions.length))
    if (alive > 0) broken("no server is left", String(alive))
    return { faults, frames: script.messages.length, mutations: script.mutations.length }
  })

/** Of the modern era headers say what the body says. */
const headersOf = (era: ClientScript.Era, text: string): Readonly<Record<string, string>> => {
  const common = { "content-type": "application/json", accept: "application/json, text/event-stream" }
  if (era === "legacy") return common
  let method = ""
  let name: unknown
  try {
    const { method: said, params } = JSON.parse(text)
    method = String(said)
    name = params?.name
  } catch {
    // Then there is nothing to say.
  }
  return {
    ...common,
    "mcp-protocol-version": revision.modern,
    "mcp-method": /^[\w/.-]*$/.test(method) ? method : "x",
    ...(typeof name === "string" && /^[\w/.-]*$/.test(name) && { "mcp-name": name })
  }
}

/** An innocent client over HTTP+SSE. */
const openSse = Effect.fnUntraced(function*(port: number) {
  const ear = new Ear()
  const request = http.request({
    port,
    host: "127.0.0.1",
    path: "/sse",
    agent: false,
    headers: { accept: "text/event-stream" }
  })
  let text = ""
  let told = 0
  let target = ""
  // Being cut off is found out by what does not come.
  request.on("error", () => {})
  const opened = Effect.callback<void>((resume) => {
    request.once("response", (response) => {
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk
        const events = eventsIn(Buffer.from(text))
        for (const { data, event } of events.slice(told)) {
          if (event === "endpoint") {
            target = data
            resume(Effect.void)
          } else if (data !== "") ear.hear(JSON.parse(data))
        }
        told = events.length
      })
    })
    request.end()
  })
  yield* within("an innocent client's stream opens", opened)
  const { pathname, search } = new URL(target, `http://localhost:${port}/sse`)
  const path = `${pathname}${search}`
  const send = (frame: object) => ask(port, frame, {}, "POST", path)
  yield* send(ClientScript.initialize)
  yield* ear.until("an innocent client over HTTP+SSE is greeted", (said) => said.some(({ id }) => id === 1))
  yield* send(ClientScript.initialized)
  return {
    echo: Effect.fnUntraced(function*(
      frame: { readonly id: number },
      when: string,
      broken: (promise: string, detail: string) => void
    ) {
      yield* send(frame)
      yield* ear.until(`${when} is answered`, (said) => said.some(({ id }) => id === frame.id))
      const answer = ear.said.find(({ id }) => id === frame.id)
      if (answer === undefined || wordsOf(answer) !== when) {
        broken("an innocent client gets its own answer", `${when}: ${cut(JSON.stringify(answer))}`)
      }
    }),
    leave: (): void => void request.destroy()
  }
})

export const httpHost: Target<ClientScript.ClientScript> = {
  name: "host-http",
  arbitrary: ClientScript.arbitrary([
    ClientScript.treeNames,
    ClientScript.byteNames,
    ClientScript.orderNames,
    Object.keys(RequestHead.faults).map((name) => `head: ${name}`)
  ]),
  lists: ClientScript.lists,
  run,
  show: (script) =>
    [
      `a client of the ${script.era} era says:`,
      ...ClientScript.mutate(script).map((emission) =>
        `  ${cut(JSON.stringify(ClientScript.bytesOf(emission).toString("latin1")))} ${
          JSON.stringify(emission.headFaults)
        }`
      )
    ].join("\n")
}
