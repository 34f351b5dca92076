/**
 * One run over a link that carries everything in one ordered stream (memory, stdio, HTTP+SSE): McpConnection.connect, ask, answer with the script's
 * bytes, end, and check every promise.
 *
 * That the client has read everything is known by its answer to a last, untouched question: nothing waits for a time. Deadlines pass
 * when the run says so.
 */
import { type ClientHandlers, RequestDeclined } from "@holdfast/mcp/ClientHandlers"
import type { Endpoint } from "@holdfast/mcp/Endpoint"
import { type CallFailure, type ConnectOptions as McpConnectOptions, McpConnection } from "@holdfast/mcp/McpConnection"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { isDeepStrictEqual } from "node:util"
import type * as Corpus from "./Corpus.ts"
import type { Fault } from "./Fault.ts"
import * as Framing from "./Framing.ts"
import { closing, type Said, type Wire, within } from "./links/Wire.ts"
import { ManualDeadlines } from "./ManualDeadlines.ts"
import * as Oracle from "./Oracle.ts"
import * as Script from "./Script.ts"

/** A link to be tested, and the far end of it. */
export interface Subject {
  readonly name: string
  readonly framing: Framing.Framing
  readonly open: Effect.Effect<Peer, never, Scope.Scope>
  /** Another client than ours. Default: `McpConnection.connect`. */
  readonly connect?:
    | ((options: ConnectOptions) => Effect.Effect<Client, { readonly message: string }, Scope.Scope>)
    | undefined
}

/** What a run needs of a connection. */
export interface Client {
  readonly request: McpConnection["request"]
  readonly closed: Effect.Effect<unknown>
  readonly inFlight: () => number
}

/** What a run connects with. */
export interface ConnectOptions extends McpConnectOptions {
  readonly deadlines: ManualDeadlines
  readonly onNotification: (method: string) => void
}

export interface Peer {
  readonly endpoint: Endpoint
  /** The far end of the next connection that is opened. */
  readonly accept: Effect.Effect<Wire>
  /** Told before each connection is opened. */
  readonly begin?: Effect.Effect<void> | undefined
  /** Connections that are open. */
  readonly left: Effect.Effect<number>
}

const minute = 60_000
const idleMillis = 5 * minute
const hardMillis = 30 * minute

/** Longest message of an error or a log line: it is for people. */
export const longestMessage = 4096

export const cut = (text: string): string => text.length > 300 ? `${text.slice(0, 300)}… (${text.length})` : text

/**
 * What is offered. In the modern era a call waits for its own answers by the program's clock, which no run moves: there a handler that never
 * answers declines.
 */
export const handlersOf = (said: Script.Handling, era: "legacy" | "modern"): ClientHandlers => {
  const handling = era === "modern" && said === "never answers" ? "declines" : said
  const handle = (result: object): Effect.Effect<object, RequestDeclined> => {
    switch (handling) {
      case "answers":
        return Effect.succeed(result)
      case "declines":
        return Effect.fail(new RequestDeclined({ code: -1, message: "no" }))
      case "dies":
        return Effect.die(new Error("the handler died"))
      case "is interrupted":
        return Effect.interrupt
      case "cannot be encoded":
        return Effect.succeed({ big: 5n })
      case "never answers":
        return Effect.never
    }
  }
  return {
    roots: () => Effect.map(handle([]), () => []),
    sampling: () => handle({ role: "assistant", model: "none", content: { type: "text", text: "a word" } }),
    elicitation: () => handle({ action: "decline" })
  }
}

/** What a call that got no answer may say of it. */
export const isTyped = (failure: CallFailure): boolean =>
  ["ServerError", "ConnectionLost", "OutcomeUnknown", "DeadlineExceeded", "InvalidAnswer", "HttpRejected", "TooBusy"]
    .includes(failure._tag)

export const describe = (exit: Exit.Exit<unknown, unknown> | undefined): string => {
  if (exit === undefined) return "no exit"
  if (Exit.isSuccess(exit)) {
    let shown: string | undefined
    try {
      shown = JSON.stringify(exit.value)
    } catch (error) {
      shown = String(error)
    }
    return cut(`success ${shown}`)
  }
  return cut(Cause.pretty(exit.cause))
}

export const run = (subject: Subject, script: Script.Script, recordings: ReadonlyArray<Corpus.Recording>) =>
  Effect.gen(function*() {
    const faults: Array<Fault> = []
    const broken = (promise: string, detail: string): void => void faults.push({ promise, detail })
    const rendered = Script.render(script, recordings, subject.framing)
    const { bytes, calls, chunks, early, questions, recording } = rendered
    const hasEnd = script.end !== undefined || subject.framing.endsIn(bytes)
    // What is open at the end is ended by what the run itself says next.
    const whole = (bytes: Buffer): Buffer => Buffer.concat([bytes, subject.framing.rest])
    const units = subject.framing.read(hasEnd ? bytes : whole(bytes))
    const judgement = Oracle.judge(rendered, units, subject.framing.read(whole(early)))
    // A call that is asked for input goes on in further requests: of the last of them it is said whether it was sent.
    const mayBeAsked = units.some((unit) => unit.includes("input_required"))
    const peer = yield* subject.open
    const deadlines = new ManualDeadlines()
    const options: ConnectOptions = {
      server: "fuzzed",
      endpoint: peer.endpoint,
      era: recording.era,
      clientInfo: { name: "fuzz", version: "1" },
      maxMessageBytes: Framing.maxMessageBytes,
      deadlines,
      handlers: handlersOf(script.handling, recording.era),
      onNotification: () => {
        if (script.listenersThrow) throw new Error("the listener threw")
      }
    }
    const framed = (frame: object): Buffer =>
      subject.framing.render({ text: JSON.stringify(frame), faults: [] }, Framing.maxMessageBytes)
    const asked = (id: number) => (said: ReadonlyArray<Said>) =>
      said.some((one) => one.id === id && one.method !== undefined)

    /** Connects, and answers the handshake as recorded. */
    const dial = Effect.gen(function*() {
      yield* peer.begin ?? Effect.void
      const dialling = yield* Effect.forkChild((subject.connect ?? McpConnection.connect)(options), {
        startImmediately: true
      })
      const wire = yield* within("a connection is opened", peer.accept)
      yield* wire.ear.until("the handshake is asked for", asked(1))
      yield* wire.write(framed({ ...recording.hello, id: 1 }))
      const connection = yield* within("the handshake is done", Fiber.join(dialling))
      return { wire, connection }
    })

    /** A question that is answered untouched: it is answered right, and everything before it has been read by then. */
    const probe = Effect.fnUntraced(function*(connection: Client, wire: Wire, when: string) {
      const asking = yield* Effect.forkChild(connection.request("ping", { when }), { startImmediately: true })
      const isIt = ({ method, params }: Said) =>
        method === "ping" && typeof params === "object" && params !== null && "when" in params && params.when === when
      yield* wire.ear.until(`the ping ${when} is asked`, (said) => said.some(isIt))
      yield* wire.write(framed({ jsonrpc: "2.0", id: wire.ear.said.find(isIt)?.id, result: { pong: when } }))
      const exit = yield* within(`the ping ${when} is answered`, Fiber.await(asking))
      if (!Exit.isSuccess(exit) || !isDeepStrictEqual(exit.value, { pong: when })) {
        broken(`a call ${when} gets its answer`, describe(exit))
      }
    })

    const converse = Effect.gen(function*() {
      const { connection, wire } = yield* dial
      if (subject.framing.endsIn(early)) return
      if (early.length > 0) {
        yield* wire.write(whole(early))
      }
      if (rendered.firstCallId === 3) yield* probe(connection, wire, "after early frames")

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
      yield* wire.ear.until("all calls are asked", (said) => calls.every(({ id }) => asked(id)(said)))
      for (const [index, call] of calls.entries()) {
        if (!call.isCancelled) continue
        const fiber = running[index]
        if (fiber !== undefined) yield* within("a call is interrupted", Fiber.interrupt(fiber))
      }
      for (const chunk of chunks) {
        yield* wire.write(chunk)
        yield* Effect.yieldNow
      }

      if (script.end !== undefined) yield* wire.end(script.end.how)
      if (!hasEnd) {
        yield* wire.write(subject.framing.rest)
        yield* probe(connection, wire, "on the same connection")
      } else {
        yield* within("the end of the connection is told", connection.closed)
        yield* wire.letGo
      }

      const verdicts = calls.map((call) => judgement.ofCall(call))
      for (const [index, call] of calls.entries()) {
        const fiber = running[index]
        if (fiber === undefined || verdicts[index] !== "innocent") continue
        const exit = yield* within(
          `the answer to the innocent call ${call.id} (${call.method}) arrives`,
          Fiber.await(fiber)
        )
        checkAnswer(call, exit, progress[index] ?? [], broken)
      }
      if (!hasEnd) {
        for (const question of questions) {
          if (!judgement.isWhole(question)) continue
          const isHandled = question.method !== "ping" && script.handling === "never answers" &&
            ["roots/list", "sampling/createMessage", "elicitation/create"].includes(question.method)
          if (isHandled) continue
          const answers = (said: ReadonlyArray<Said>) =>
            said.filter(({ id, method }) => id === question.id && method === undefined)
          yield* Effect.catch(
            wire.ear.until(`the server's ${question.text} is answered`, (said) => answers(said).length > 0),
            ({ message }) => Effect.sync(() => broken("a question of the server's is answered", message))
          )
          if (answers(wire.ear.said).length > 1) broken("a question is answered once", question.text)
        }
      }
      // A call that is asked for input goes on in another request, with deadlines of its own.
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
        checkExit(call, verdicts[index] ?? "involved", exit, { hasEnd, mayBeAsked }, broken)
      }
      if (!hasEnd) yield* probe(connection, wire, "after all deadlines")
      if (connection.inFlight() !== 0) broken("nothing stays in flight", String(connection.inFlight()))
    })

    const scope = yield* Scope.make()
    yield* Effect.catch(
      Scope.provide(converse, scope),
      (error) => Effect.sync(() => broken("a run comes to its end", cut(error.message)))
    )
    yield* Effect.catch(
      closing("the connection closes", scope),
      (error) => Effect.sync(() => broken("a connection closes", error.message))
    )

    // Whatever happened before: the next connection is as good as the first.
    const again = yield* Scope.make()
    yield* Effect.catch(
      Scope.provide(
        Effect.flatMap(dial, ({ connection, wire }) => probe(connection, wire, "on a fresh connection")),
        again
      ),
      (error) => Effect.sync(() => broken("a fresh connection works", cut(error.message)))
    )
    yield* Effect.catch(
      closing("the fresh connection closes", again),
      (error) => Effect.sync(() => broken("a connection closes", error.message))
    )
    const left = yield* peer.left
    if (left > 0) broken("no connection is left", String(left))
    return { faults, rendered }
  })

export const checkAnswer = (
  call: Script.Call,
  exit: Exit.Exit<unknown, CallFailure>,
  told: ReadonlyArray<unknown>,
  broken: (promise: string, detail: string) => void
): void => {
  const answer = call.frames.at(-1)
  const promise = "an innocent call gets its own answer"
  if (answer?.error !== undefined) {
    const failure = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
    const { code, data, message } = answer.error
    const isIt = typeof failure === "object" && failure !== null && "_tag" in failure &&
      failure._tag === "ServerError" &&
      "code" in failure && failure.code === code && "description" in failure && failure.description === message &&
      "data" in failure && isDeepStrictEqual(failure.data, data)
    if (!isIt) broken(promise, `${call.texts.at(-1)} but ${describe(exit)}`)
  } else if (!Exit.isSuccess(exit) || !isDeepStrictEqual(exit.value, answer?.result)) {
    broken(promise, `${cut(call.texts.at(-1) ?? "")} but ${describe(exit)}`)
  }
  const expected = call.frames.slice(0, -1).map(({ params }) => {
    const { message, progress, total } = params ?? {}
    return { progress, ...(total !== undefined && { total }), ...(message !== undefined && { message }) }
  })
  if (!isDeepStrictEqual(told, expected)) {
    broken(
      "progress of an innocent call is told in order",
      `${JSON.stringify(told)} instead of ${JSON.stringify(expected)}`
    )
  }
}

const checkExit = (
  { id, isCancelled, method }: Script.Call,
  verdict: Oracle.Verdict,
  exit: Exit.Exit<unknown, CallFailure>,
  { hasEnd, mayBeAsked }: { readonly hasEnd: boolean; readonly mayBeAsked: boolean },
  broken: (promise: string, detail: string) => void
): void => {
  const what = `${id} ${method}: ${describe(exit)}`
  if (Exit.isSuccess(exit)) {
    if (typeof exit.value !== "object" || exit.value === null) broken("a result is an object", what)
    if (verdict === "unanswered") broken("a call without an answer has none", what)
    return
  }
  if (Cause.hasDies(exit.cause)) return broken("no call dies of a defect", what)
  if (isCancelled && Cause.hasInterruptsOnly(exit.cause)) return
  const failure = Cause.findErrorOption(exit.cause)
  if (failure._tag === "None") return broken("a call that is not cancelled is not interrupted", what)
  const reason = failure.value
  if (!isTyped(reason)) broken("a failure is typed", what)
  if (reason.message.length > longestMessage) broken("messages are bounded", `${reason._tag}: ${reason.message.length}`)
  if (verdict !== "unanswered") {
    if ("delivery" in reason && reason.delivery !== "Unknown" && !mayBeAsked) {
      broken("what was handed over is not said to be unsent", what)
    }
    return
  }
  const expected = hasEnd ? "OutcomeUnknown" : "DeadlineExceeded"
  if (reason._tag !== expected) broken(`a call without an answer ends as ${expected}`, what)
}
