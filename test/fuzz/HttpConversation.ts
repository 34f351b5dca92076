/**
 * One run over Streamable HTTP: all questions are asked at once, each gets its response as the script has bent it, and every promise is
 * checked. A response that says nothing leaves its call waiting until its deadline, which passes when the run says so.
 *
 * Some bytes poison their socket for what comes after them on it: a call that meets one may be lost, typed. One that meets a sound
 * socket is answered.
 */
import { Endpoint } from "@holdfast/mcp/Endpoint"
import { type CallFailure, McpConnection } from "@holdfast/mcp/McpConnection"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type * as net from "node:net"
import { isDeepStrictEqual } from "node:util"
import * as Conversation from "./Conversation.ts"
import type { Fault } from "./Fault.ts"
import * as Framing from "./Framing.ts"
import * as HttpScript from "./HttpScript.ts"
import * as RawHttp from "./links/RawHttp.ts"
import { closing, Ear, type Said, within } from "./links/Wire.ts"
import { ManualDeadlines } from "./ManualDeadlines.ts"
import * as Oracle from "./Oracle.ts"
import type * as Script from "./Script.ts"

const { cut, describe, longestMessage } = Conversation
const minute = 60_000
const idleMillis = 5 * minute
const hardMillis = 30 * minute

/** Loops in which what waits for a pause (a resumption, another stream) gets its turn. */
const pauses = 6

export const run = (answers: HttpScript.Answers, script: HttpScript.HttpScript) =>
  Effect.gen(function*() {
    const faults: Array<Fault> = []
    const broken = (promise: string, detail: string): void => void faults.push({ promise, detail })
    const rendered = HttpScript.render(script, answers)
    const { calls, hello, order, push, questions, recording, replies } = rendered
    const server = yield* RawHttp.make
    const ear = new Ear()
    const deadlines = new ManualDeadlines()
    const poisoned = new Set<net.Socket>()
    const waiting = new Map<unknown, net.Socket>()
    /** Set while the script's own handshake is played. */
    let isFirst = true
    let isOver = false
    let resumed = 0

    const give = (socket: net.Socket, reply: HttpScript.Reply): void => {
      if (reply.isTouched) poisoned.add(socket)
      for (const chunk of reply.chunks) socket.write(chunk)
      if (reply.after === "end") socket.end()
      if (reply.after === "reset") socket.resetAndDestroy()
    }
    const json = (socket: net.Socket, message: object, headers: Readonly<Record<string, string>> = {}): void =>
      void socket.write(
        RawHttp.response(200, { "content-type": "application/json", ...headers }, JSON.stringify(message))
      )

    server.onRequest = ({ body, headers, method, path, socket }) => {
      if (method === "DELETE") return void socket.write(RawHttp.response(200, {}, ""))
      if (method === "GET") {
        const rest = script.order % 3 === 0 ? undefined : restAfter(calls, headers.get("last-event-id"))
        if (rest !== undefined && !isOver) {
          resumed++
          return void socket.write(RawHttp.response(200, { "content-type": "text/event-stream" }, rest))
        }
        const isFresh = isFirst && headers.get("last-event-id") === undefined
        return isFresh && push !== undefined && path === "/mcp" && !isOver
          ? give(socket, push)
          : void socket.write(RawHttp.response(405, {}, ""))
      }
      const said: Said = JSON.parse(body)
      if (said.id === undefined || said.method === undefined) {
        socket.write(RawHttp.response(202, {}, ""))
        return ear.hear(said)
      }
      if (said.method === "initialize" || said.method === "server/discover" && said.id === 1) {
        ear.hear(said)
        if (isFirst && script.hello.length > 0) return give(socket, hello)
        const session: Readonly<Record<string, string>> = recording.era === "legacy"
          ? { "mcp-session-id": HttpScript.sessionId }
          : {}
        return json(socket, { ...recording.hello, id: said.id }, session)
      }
      const { params } = said
      if (said.method === "ping" && typeof params === "object" && params !== null && "when" in params) {
        return json(socket, { jsonrpc: "2.0", id: said.id, result: { pong: params.when } })
      }
      waiting.set(said.id, socket)
      ear.hear(said)
    }

    const dial = McpConnection.connect({
      server: "fuzzed",
      endpoint: Endpoint.http({ url: `http://127.0.0.1:${server.port}/mcp` }),
      era: recording.era,
      clientInfo: { name: "fuzz", version: "1" },
      maxMessageBytes: Framing.maxMessageBytes,
      deadlines,
      handlers: Conversation.handlersOf(script.handling, recording.era),
      // Only a handshake that is bent needs it, and any failure is right then.
      ...(script.hello.length > 0 && { connectTimeout: "1 second" }),
      onNotification: () => {
        if (script.listenersThrow) throw new Error("the listener threw")
      }
    })

    /** Asks until it meets a sound socket: each poisoned one is used up by the attempt. */
    const probe = Effect.fnUntraced(function*(connection: McpConnection, when: string, hasEnded = () => false) {
      let exit: Exit.Exit<unknown, CallFailure> | undefined
      for (let attempt = 0; attempt <= poisoned.size; attempt++) {
        exit = yield* within(`a ping ${when} settles`, Effect.exit(connection.request("ping", { when })))
        if (Exit.isSuccess(exit)) break
        checkFailure("ping", exit, broken)
      }
      // A connection that is told to end takes its time to.
      if (exit !== undefined && Exit.isFailure(exit)) {
        deadlines.pass(1000)
        yield* Effect.sleep(0)
      }
      if (hasEnded()) return
      if (exit === undefined || !Exit.isSuccess(exit) || !isDeepStrictEqual(exit.value, { pong: when })) {
        broken(`a call ${when} gets its answer`, describe(exit))
      }
    })

    const converse = Effect.gen(function*() {
      const dialled = yield* within("the handshake ends", Effect.exit(dial))
      if (Exit.isFailure(dialled)) {
        if (script.hello.length === 0) broken("a sound handshake succeeds", describe(dialled))
        return checkFailure("the handshake", dialled, broken)
      }
      const connection = dialled.value
      let isEnded = false
      yield* Effect.forkScoped(
        Effect.flatMap(connection.closed, () => Effect.sync(() => void (isEnded = true))),
        { startImmediately: true }
      )
      const running: Array<Fiber.Fiber<unknown, CallFailure>> = []
      const progress: Array<Array<unknown>> = calls.map(() => [])
      for (const [index, { method, params }] of calls.entries()) {
        const asking = connection.request(method, params, {
          idleDeadline: idleMillis,
          hardDeadline: hardMillis,
          onProgress: (told) => {
            progress[index]?.push(told)
            if (script.listenersThrow) throw new Error("the listener threw")
          }
        })
        running.push(yield* Effect.forkChild(asking, { startImmediately: true }))
      }
      // A bent handshake may have changed where requests go, or their ids.
      if (script.hello.length === 0) {
        yield* ear.until("all calls are asked", () => calls.every(({ id }) => waiting.has(id)))
      }
      for (const [index, call] of calls.entries()) {
        const fiber = running[index]
        if (call.isCancelled && fiber !== undefined) yield* within("a call is interrupted", Fiber.interrupt(fiber))
      }
      for (const index of order) {
        const reply = replies[index]
        const socket = waiting.get(calls[index]?.id)
        if (reply !== undefined && socket !== undefined && !socket.destroyed) give(socket, reply)
        yield* Effect.yieldNow
      }
      const mayEnd = script.hello.length > 0 || [...replies, push].some((reply) => reply?.mayEndConnection === true)
      // In which order responses are read is not the run's to say: what is odd may come before anything else.
      const units = [...replies, ...(push === undefined ? [] : [push])].flatMap((reply) => reply.units)
      const original = new Set(calls.flatMap(({ texts }) => texts))
      const isOdd = (unit: string): boolean => !original.has(unit)
      const judgement = Oracle.judge(rendered, [...units.filter(isOdd), ...units.filter((unit) => !isOdd(unit))], [])
      const verdicts = calls.map((call, index): Oracle.Verdict =>
        replies[index]?.isTouched === true ? "involved" : judgement.ofCall(call)
      )
      for (const [index, call] of calls.entries()) {
        const fiber = running[index]
        if (fiber === undefined || verdicts[index] !== "innocent" || script.hello.length > 0) continue
        const exit = yield* within(`the innocent call ${call.id} (${call.method}) settles`, Fiber.await(fiber))
        // Typed, with what is known of it, and only where the connection itself was given a reason to end.
        if (Exit.isFailure(exit) && mayEnd && isEnded) checkFailure(call.method, exit, broken)
        else Conversation.checkAnswer(call, exit, progress[index] ?? [], broken)
      }
      if (isEnded && !mayEnd) broken("a connection ends for a reason", "its server gave none")
      if (!isEnded && script.hello.length === 0) {
        yield* probe(connection, "on the same connection", () => mayEnd && isEnded)
      }

      for (let pause = 0; pause < pauses; pause++) {
        deadlines.pass(10_000)
        // Long enough for a resumption to be asked for and answered, mostly: what comes later meets the deadline.
        yield* Effect.sleep(script.isNumbered && answers === "sse" ? "3 millis" : 0)
      }
      isOver = true
      // A question that is answered begins another round of its call, with deadlines of its own.
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(
        Effect.sync(() => deadlines.pass(hardMillis + minute)),
        Effect.sleep("5 millis")
      )))
      for (const [index, call] of calls.entries()) {
        const fiber = running[index]
        if (fiber === undefined) continue
        const exit = yield* within(
          `the call ${call.id} (${call.method}), ${verdicts[index]}, settles`,
          Fiber.await(fiber)
        )
        if (Exit.isFailure(exit) && !(call.isCancelled && Cause.hasInterruptsOnly(exit.cause))) {
          checkFailure(call.method, exit, broken)
        }
        if (Exit.isSuccess(exit) && (typeof exit.value !== "object" || exit.value === null)) {
          broken("a result is an object", describe(exit))
        }
      }
      if (!isEnded && !mayEnd && script.handling !== "never answers") {
        for (const question of questions) {
          if (!judgement.isWhole(question) || wasBent(question.text, [...replies, push])) continue
          // Whoever lets go of a call lets go of its stream.
          if (
            replies.some(({ units }, index) => calls[index]?.isCancelled === true && units.includes(question.text))
          ) continue
          const answersTo = (said: ReadonlyArray<Said>) =>
            said.filter(({ id, method }) => id === question.id && method === undefined)
          yield* Effect.catch(
            ear.until(`the server's ${question.text} is answered`, (said) => answersTo(said).length > 0),
            ({ message }) => Effect.sync(() => broken("a question of the server's is answered", message))
          )
          if (answersTo(ear.said).length > 1) broken("a question is answered once", question.text)
        }
      }
      if (connection.inFlight() !== 0) broken("nothing stays in flight", String(connection.inFlight()))
    })

    const end = Effect.fnUntraced(function*(scope: Scope.Closeable) {
      yield* Effect.catch(
        closing("the connection closes", scope),
        (error) => Effect.sync(() => broken("a connection closes", error.message))
      )
    })
    const scope = yield* Scope.make()
    yield* Effect.catch(
      Scope.provide(converse, scope),
      (error) => Effect.sync(() => broken("a run comes to its end", cut(error.message)))
    )
    yield* end(scope)

    isFirst = false
    poisoned.clear()
    const again = yield* Scope.make()
    yield* Effect.catch(
      Scope.provide(Effect.flatMap(dial, (connection) => probe(connection, "on a fresh connection")), again),
      (error) => Effect.sync(() => broken("a fresh connection works", cut(error.message)))
    )
    yield* end(again)
    const left = yield* server.quiet
    if (left > 0) broken("no connection is left", String(left))
    return { faults, rendered, resumed }
  })

/** A question on a response that was bent in its head or its bytes may never have been read. */
const wasBent = (text: string, replies: ReadonlyArray<HttpScript.Reply | undefined>): boolean =>
  replies.some((reply) => reply?.isTouched === true && reply.units.includes(text))

/** What a server that keeps its events sends again after one of them. Undefined: it knows no such event. */
const restAfter = (calls: ReadonlyArray<Script.Call>, lastEventId: string | undefined): string | undefined => {
  const [, index, number] = /^(\d{1,3})-(\d{1,3})$/.exec(lastEventId ?? "") ?? []
  const texts = calls[Number(index)]?.texts
  if (index === undefined || texts === undefined) return undefined
  return texts.slice(Number(number) + 1).map((text, at) => `id: ${index}-${Number(number) + 1 + at}\ndata: ${text}\n\n`)
    .join("")
}

export const checkFailure = (
  what: string,
  exit: Exit.Exit<unknown, { readonly _tag: string; readonly message: string }>,
  broken: (promise: string, detail: string) => void
): void => {
  if (Exit.isSuccess(exit)) return
  if (Cause.hasDies(exit.cause)) return broken("no call dies of a defect", `${what}: ${describe(exit)}`)
  const failure = Cause.findErrorOption(exit.cause)
  if (failure._tag === "None") {
    return broken("a call that is not cancelled is not interrupted", `${what}: ${describe(exit)}`)
  }
  const { _tag, message } = failure.value
  if (message.length > longestMessage) broken("messages are bounded", `${_tag}: ${message.length}`)
}
