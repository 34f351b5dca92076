/**
 * One run over HTTP+SSE in which the responses to POSTs are bent, and now and then that to the stream's own GET; what the stream says is
 * sound. (What it says is bent in `links/LegacySse.ts`.)
 */
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { type CallFailure, McpConnection } from "@holdfast/mcp/McpConnection"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as fc from "fast-check"
import { Buffer } from "node:buffer"
import type * as net from "node:net"
import { isDeepStrictEqual } from "node:util"
import { checkAnswer, cut, describe } from "./Conversation.ts"
import type * as Corpus from "./Corpus.ts"
import type { Fault } from "./Fault.ts"
import * as Framing from "./Framing.ts"
import type { Target } from "./Fuzz.ts"
import * as Head from "./Head.ts"
import { checkFailure } from "./HttpConversation.ts"
import { chunked } from "./links/LegacySse.ts"
import * as RawHttp from "./links/RawHttp.ts"
import { closing, Ear, type Said, within } from "./links/Wire.ts"
import { ManualDeadlines } from "./ManualDeadlines.ts"
import * as Script from "./Script.ts"

export interface SseHeads {
  readonly recording: number
  readonly calls: ReadonlyArray<number>
  /** What is done to the responses to calls. */
  readonly mutations: ReadonlyArray<Script.Mutation>
  /** What is done to the stream's own head. Mostly nothing. */
  readonly stream: ReadonlyArray<Script.Mutation>
}

const minute = 60_000
const hardMillis = 30 * minute
const firstCallId = 2

const headOf = (faults: ReadonlyArray<Script.Mutation>, head: Head.Head): Head.Head => {
  for (const { name, pick } of faults) Head.faults[name]?.(head, pick)
  return head
}

const accepted = (): Head.Head => {
  const head = Head.make("text/plain", "length")
  head.status = "202 Accepted"
  return head
}

const mutationsOf = ({ calls, mutations }: SseHeads, index: number): ReadonlyArray<Script.Mutation> =>
  mutations.filter(({ frame }) => frame % Math.max(1, calls.length) === index)

const run = (script: SseHeads) =>
  Effect.gen(function*() {
    const faults: Array<Fault> = []
    const broken = (promise: string, detail: string): void => void faults.push({ promise, detail })
    const recording = Script.legacy[script.recording % Script.legacy.length]
    if (recording === undefined) return yield* Effect.die(new Error("no recordings"))
    const calls = script.calls.map((which, index): Script.Call => {
      const { answer, method, params } = recording.exchanges[which % recording.exchanges.length] as Corpus.Exchange
      const frame = { ...answer, id: firstCallId + index }
      const texts = [JSON.stringify(frame)]
      return { id: frame.id, method, params: Script.strip(params), isCancelled: false, frames: [frame], texts }
    })
    const server = yield* RawHttp.make
    const deadlines = new ManualDeadlines()
    const ear = new Ear()
    const poisoned = new Set<net.Socket>()
    let stream: net.Socket | undefined
    let isFirst = true
    const say = (frame: object): void =>
      void stream?.write(
        chunked(Framing.events.render({ text: JSON.stringify(frame), faults: [] }, Framing.maxMessageBytes))
      )
    const give = (socket: net.Socket, head: Head.Head, body: Buffer): void => {
      poisoned.add(socket)
      socket.write(Head.render(head, body))
      if (head.after === "end") socket.end()
      if (head.after === "reset") socket.resetAndDestroy()
    }
    const endpoint = Buffer.from("event: endpoint\ndata: /message\n\n")
    server.onRequest = ({ body, method, socket }) => {
      if (method === "GET") {
        stream = socket
        if (isFirst && script.stream.length > 0) {
          return give(socket, headOf(script.stream, Head.make("text/event-stream", "chunked")), endpoint)
        }
        socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        return void socket.write(chunked(endpoint))
      }
      const said: Said = JSON.parse(body)
      const index = Number(said.id) - firstCallId
      const bent = isFirst && said.method !== "ping" && calls[index] !== undefined ? mutationsOf(script, index) : []
      ear.hear(said)
      if (bent.length > 0) return give(socket, headOf(bent, accepted()), Buffer.alloc(0))
      socket.write(RawHttp.response(202, {}, ""))
      const { params } = said
      if (said.method === "initialize") say({ ...recording.hello, id: said.id })
      if (said.method === "ping" && typeof params === "object" && params !== null && "when" in params) {
        say({ jsonrpc: "2.0", id: said.id, result: { pong: params.when } })
      }
    }
    const dial = McpConnection.connect({
      server: "fuzzed",
      endpoint: Endpoint.sse({ url: `http://127.0.0.1:${server.port}/sse` }),
      clientInfo: { name: "fuzz", version: "1" },
      maxMessageBytes: Framing.maxMessageBytes,
      deadlines,
      ...(script.stream.length > 0 && { connectTimeout: "1 second" })
    })
    /** Asks until it meets a sound socket: each poisoned one is used up by the attempt. */
    const probe = Effect.fnUntraced(function*(connection: McpConnection, when: string) {
      let exit: Exit.Exit<unknown, CallFailure> | undefined
      for (let attempt = 0; attempt <= poisoned.size; attempt++) {
        exit = yield* within(`a ping ${when} settles`, Effect.exit(connection.request("ping", { when })))
        if (Exit.isSuccess(exit)) break
        checkFailure("ping", exit, broken)
      }
      if (exit === undefined || !Exit.isSuccess(exit) || !isDeepStrictEqual(exit.value, { pong: when })) {
        broken(`a call ${when} gets its answer`, describe(exit))
      }
    })
    const converse = Effect.gen(function*() {
      const dialled = yield* within("the handshake ends", Effect.exit(dial))
      if (Exit.isFailure(dialled)) {
        if (script.stream.length === 0) broken("a sound handshake succeeds", describe(dialled))
        return checkFailure("the handshake", dialled, broken)
      }
      // A stream whose head was bent and that is one all the same has no promise to keep.
      if (script.stream.length > 0) return
      const connection = dialled.value
      const running: Array<Fiber.Fiber<unknown, CallFailure>> = []
      for (const { method, params } of calls) {
        const asking = connection.request(method, params, { hardDeadline: hardMillis })
        running.push(yield* Effect.forkChild(asking, { startImmediately: true }))
      }
      yield* ear.until("all calls are asked", (said) => calls.every(({ id }) => said.some((one) => one.id === id)))
      for (const { frames: [frame] } of calls) if (frame !== undefined) say(frame)
      yield* probe(connection, "on the same connection")
      for (const [index, call] of calls.entries()) {
        const fiber = running[index]
        if (fiber === undefined) continue
        if (mutationsOf(script, index).length > 0) deadlines.pass(hardMillis + minute)
        const exit = yield* within(`the call ${call.id} (${call.method}) settles`, Fiber.await(fiber))
        if (mutationsOf(script, index).length === 0) checkAnswer(call, exit, [], broken)
        // Its answer may come before its refusal, or after.
        else if (Exit.isSuccess(exit)) checkAnswer(call, exit, [], broken)
        else checkFailure(call.method, exit, broken)
      }
      yield* probe(connection, "after all deadlines")
      if (connection.inFlight() !== 0) broken("nothing stays in flight", String(connection.inFlight()))
    })
    const alone = Effect.fnUntraced(function*(what: Effect.Effect<void, { readonly message: string }, Scope.Scope>) {
      const scope = yield* Scope.make()
      yield* Effect.catch(
        Scope.provide(what, scope),
        (error) => Effect.sync(() => broken("a run comes to its end", cut(error.message)))
      )
      yield* Effect.catch(
        closing("the connection closes", scope),
        (error) => Effect.sync(() => broken("a connection closes", error.message))
      )
    })
    yield* alone(converse)
    isFirst = false
    poisoned.clear()
    yield* alone(Effect.flatMap(dial, (connection) => probe(connection, "on a fresh connection")))
    const left = yield* server.quiet
    if (left > 0) broken("no connection is left", String(left))
    return { faults, frames: calls.length + 1, mutations: script.mutations.length + script.stream.length }
  })

const mutation = fc.record({
  name: fc.constantFrom(...Object.keys(Head.faults)),
  frame: fc.nat(1000),
  node: fc.constant(0),
  pick: fc.nat(100_000)
})

export const sseHeads: Target<SseHeads> = {
  name: "legacy-sse-heads",
  arbitrary: fc.record({
    recording: fc.nat(Script.legacy.length - 1),
    calls: fc.array(fc.nat(1000), { minLength: 2, maxLength: 24, size: "max" }),
    mutations: fc.array(mutation, { minLength: 1, maxLength: 24, size: "max" }),
    stream: fc.oneof(
      { weight: 9, arbitrary: fc.constant([]) },
      { weight: 1, arbitrary: fc.array(mutation, { minLength: 1, maxLength: 3 }) }
    )
  }),
  lists: ["mutations", "stream", "calls"],
  run,
  show: (script) =>
    [
      `the stream: ${
        cut(
          JSON.stringify(
            Head.render(headOf(script.stream, Head.make("text/event-stream", "chunked")), Buffer.alloc(0)).toString(
              "latin1"
            )
          )
        )
      }`,
      ...script.calls.map((_, index) =>
        `${firstCallId + index}: ${
          cut(
            JSON.stringify(
              Head.render(headOf(mutationsOf(script, index), accepted()), Buffer.alloc(0)).toString("latin1")
            )
          )
        }`
      )
    ].join("\n")
}
