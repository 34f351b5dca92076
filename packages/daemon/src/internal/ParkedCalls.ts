/**
 * Calls whose questions wait for an answer: `tools/call` with `holdfast/park` in its `_meta`.
 *
 * The daemon is the host of such a call. It offers elicitation, keeps what the server asks under an id, and answers the caller with these ids;
 * the call goes on when they are answered, by any program of the user, and its result is kept.
 *
 * Promises
 * - The caller is answered once: with the result, or with the questions. A call goes on although its caller has left; a cancelled one ends.
 * - A question that is not answered within an hour is told to the server as cancelled, and a result that is not fetched is kept as long.
 * - There are a hundred calls at most. The first that have ended and were fetched make room, then those that have ended; if none has, the next call
 *   is refused.
 * - The daemon does not end of idleness while a call is under way, or its result was not fetched.
 *
 * Gotchas: a legacy server is the call's alone, because it can ask one client only: it is another process than that of calls that share one.
 * A server behind a url is asked as it is, and cannot ask.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import type * as Scope from "effect/Scope"
import * as Contract from "../ControlContract.ts"
import { DaemonRefusal } from "../DaemonRefusal.ts"
import { HostSession, type HostSessionOptions, type Observer } from "../HostSession.ts"
import * as RawMessage from "../RawMessage.ts"
import { faultIn } from "./formAnswer.ts"
import type { Journal } from "./Journal.ts"
import { newSecret } from "./nodePlatform.ts"

/** A session whose calls may be parked. */
export interface Caller {
  readonly server: string
  /** False: another daemon is to take calls from now on. */
  readonly mayBegin: () => boolean
  readonly who: () => Contract.SessionStatus
  readonly toHost: (text: string) => void
  readonly observer: Observer
  /** Gets a server for a call: see `HostSession`. Its fibers outlive the session. */
  readonly open: HostSessionOptions["open"]
}

/** The calls of one session. */
export interface Parking {
  /** True: the line is about a call that is parked, and nothing else is to be done with it. */
  readonly takes: (line: string) => boolean
  /** The session has ended. */
  readonly leave: () => void
}

export interface ParkedCalls {
  readonly session: (caller: Caller) => Parking
  readonly questions: () => ReadonlyArray<Contract.Question>
  readonly answer: (answer: Contract.Answer) => Effect.Effect<Contract.CallResult, DaemonRefusal>
  readonly result: (wanted: Contract.ResultOf) => Effect.Effect<Contract.CallResult, DaemonRefusal>
}

export interface ParkedCallsOptions {
  readonly journal: Pick<Journal, "tell">
  /** The daemon is needed for this. Returns what ends that. */
  readonly need: (session: Contract.SessionStatus) => () => void
}

const mostCalls = 100

/** For an answer, and for a result to be fetched. */
const patience = "1 hour"

interface Asked {
  readonly question: Omit<Contract.Question, "ageMillis">
  /** What the server knows it by, as it is written. */
  readonly wire: string
}

interface Call {
  readonly id: string
  readonly server: string
  readonly tool: string
  readonly from: Contract.SessionStatus
  readonly host: HostSession
  readonly questions: Map<string, Asked>
  /** Ids of questions that are over: they still name their call. */
  readonly settled: Set<string>
  /** As the server has written it. */
  outcome: RawMessage.RawMessage | undefined
  /** Waits for the answer. Undefined: it has one, or has left. */
  caller: { readonly request: RawMessage.RawMessage; readonly toHost: (text: string) => void } | undefined
  /** Told of every change. */
  readonly watchers: Set<() => void>
  isFetched: boolean
  release: () => void
}

export const make = Effect.fnUntraced(function*(
  { journal, need }: ParkedCallsOptions
): Effect.fn.Return<ParkedCalls, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const run = yield* FiberSet.makeRuntime<never, void, never>()
  const calls = new Map<string, Call>()
  const freshId = (letter: string): string => {
    for (;;) {
      const id = `${letter}${newSecret().slice(0, 6)}`
      if (callOf(id) === undefined) return id
    }
  }
  const callOf = (id: string): Call | undefined =>
    [...calls.values()].find((call) => call.id === id || call.questions.has(id) || call.settled.has(id))
  const now = (): number => clock.currentTimeMillisUnsafe()
  const changed = (call: Call): void => {
    for (const tell of [...call.watchers]) tell()
  }
  const aged = ({ question }: Asked): Contract.Question => ({ ...question, ageMillis: now() - question.at })
  const told = (event: "asked" | "settled", call: Call, question: string): void =>
    journal.tell({ event, question, call: call.id, server: call.server, tool: call.tool })

  /** The answer of the server, or what is said instead of it. */
  const finish = (call: Call, outcome: RawMessage.RawMessage): void => {
    if (call.outcome !== undefined) return
    call.outcome = outcome
    for (const id of call.questions.keys()) settle(call, id)
    const { caller } = call
    call.caller = undefined
    if (caller !== undefined) {
      caller.toHost(answerFor(caller.request, outcome))
      calls.delete(call.id)
      call.release()
    } else run(Effect.andThen(Effect.sleep(patience), Effect.sync(() => forget(call))))
    // What it has said is to be dealt with first.
    run(Effect.andThen(Effect.yieldNow, Effect.sync(() => call.host.hostEnded())))
    changed(call)
  }
  const forget = (call: Call): void => {
    calls.delete(call.id)
    call.release()
  }
  const settle = (call: Call, id: string): void => {
    if (!call.questions.delete(id)) return
    call.settled.add(id)
    told("settled", call, id)
  }
  const reply = (call: Call, { question, wire }: Asked, result: object): void => {
    settle(call, question.id)
    call.host.hostSaid(`{"jsonrpc":"2.0","id":${wire},"result":${JSON.stringify(result)}}`)
    changed(call)
  }
  /** The caller hears of all that is asked at once. */
  const tellCaller = (call: Call): void => {
    const { caller } = call
    if (caller === undefined || call.questions.size === 0) return
    call.caller = undefined
    const questions = [...call.questions.values()].map(aged)
    caller.toHost(parkedAnswer(caller.request, { call: call.id, questions }))
  }
  const ask = (call: Call, message: RawMessage.RawMessage, wire: string): void => {
    const { message: words, mode, requestedSchema, url } = RawMessage.paramsOf(message)
    const isUrl = mode === "url"
    const question = {
      id: freshId("q"),
      call: call.id,
      server: call.server,
      tool: call.tool,
      message: String(words),
      mode: isUrl ? "url" as const : "form" as const,
      ...(!isUrl && { requestedSchema }),
      ...(isUrl && typeof url === "string" && { url }),
      at: now(),
      from: call.from
    }
    const asked = { question, wire }
    call.questions.set(question.id, asked)
    told("asked", call, question.id)
    run(Effect.andThen(Effect.yieldNow, Effect.sync(() => tellCaller(call))))
    const lapse = Effect.sync(() => {
      if (call.questions.get(question.id) === asked) reply(call, asked, { action: "cancel" })
    })
    run(Effect.andThen(Effect.sleep(patience), lapse))
    changed(call)
  }
  /** What the server says, as a host hears it. */
  const hear = (call: Call, request: RawMessage.RawMessage, text: string): void => {
    const message = RawMessage.own(text)
    const { id, kind, method } = message
    if (kind === "response") {
      if (id === callId || "error" in message.value) return finish(call, message)
      call.host.hostSaid(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
      return call.host.hostSaid(request.text)
    }
    if (kind === "request" && id !== undefined) {
      if (method === "elicitation/create") return ask(call, message, id)
      const answer = method === "ping" ? `"result":{}` : `"error":{"code":-32601,"message":"it was not offered"}`
      return call.host.hostSaid(`{"jsonrpc":"2.0","id":${id},${answer}}`)
    }
    if (method === "notifications/progress") return call.caller?.toHost(text)
    if (method !== "notifications/cancelled") return
    const withdrawn = RawMessage.textAt(message, RawMessage.paths.cancelled)
    const [question] = [...call.questions].find(([, { wire }]) => wire === withdrawn) ?? []
    if (question === undefined) return
    settle(call, question)
    changed(call)
  }
  const begin = (request: RawMessage.RawMessage, { observer, open, server, toHost, who }: Caller): Call | undefined => {
    if (!hasRoom(calls, forget)) return undefined
    const from = who()
    const id = freshId("c")
    const forServer = plainCall(request)
    const host: HostSession = new HostSession({
      place: "daemon",
      observer: { ...observer, asked: (request) => observer.asked(request, { id }) },
      open,
      toHost: (text) => hear(call, forServer, text)
    })
    const call: Call = {
      id,
      server,
      tool: String(RawMessage.paramsOf(request)["name"]),
      from,
      host,
      questions: new Map(),
      settled: new Set(),
      outcome: undefined,
      caller: { request, toHost },
      watchers: new Set(),
      isFetched: false,
      release: need({ ...from, wants: `${server} (the parked call ${id})` })
    }
    calls.set(id, call)
    host.hostSaid(initialize)
    return call
  }

  const session = (caller: Caller): Parking => {
    const own = new Set<Call>()
    const waiting = (id: string | undefined): Call | undefined =>
      id === undefined
        ? undefined
        : [...own].find((call) =>
          call.caller?.request.id !== undefined && RawMessage.keyOf(call.caller.request.id) === RawMessage.keyOf(id)
        )
    const takesMessage = (message: RawMessage.RawMessage): boolean => {
      if (message.method === "notifications/cancelled") {
        const call = waiting(RawMessage.textAt(message, RawMessage.paths.cancelled))
        if (call === undefined) return false
        own.delete(call)
        call.host.hostSaid(
          RawMessage.replaced(message, [[RawMessage.paths.cancelled, callId]]).text
        )
        call.host.hostEnded()
        for (const id of call.questions.keys()) settle(call, id)
        forget(call)
        return true
      }
      const { _meta } = RawMessage.paramsOf(message)
      if (!caller.mayBegin() || message.method !== "tools/call") return false
      if (RawMessage.membersOf(_meta)[Contract.meta.park] !== true) return false
      if (message.kind !== "request" || waiting(message.id) !== undefined) return false
      for (const call of own) if (call.caller === undefined) own.delete(call)
      const call = begin(message, caller)
      if (call === undefined) caller.toHost(tooMany(message))
      else own.add(call)
      return true
    }
    return {
      takes: (line) => {
        if (own.size === 0 && !line.includes(Contract.meta.park)) return false
        const messages = RawMessage.read(line)
        return typeof messages !== "string" && messages.length === 1 && messages[0] !== undefined &&
          takesMessage(messages[0])
      },
      leave: () => {
        for (const call of own) call.caller = undefined
      }
    }
  }

  const resultOf = (call: Call): Contract.CallResult => {
    const { id, outcome, questions, server, tool } = call
    const { error, result } = outcome?.value ?? {}
    return {
      call: id,
      server,
      tool,
      state: outcome !== undefined ? "done" : questions.size > 0 ? "asking" : "running",
      questions: [...questions.values()].map(aged),
      ...(result !== undefined && { result }),
      ...(error !== undefined && { error })
    }
  }
  const found = (id: string): Effect.Effect<Call, DaemonRefusal> =>
    Effect.suspend(() => {
      const call = callOf(id)
      return call === undefined ? Effect.fail(unknown(id)) : Effect.succeed(call)
    })
  /** Undefined: when nothing has changed by then. */
  const change = (call: Call): Effect.Effect<void> =>
    Effect.callback((resume) => {
      const tell = (): void => resume(Effect.void)
      call.watchers.add(tell)
      return Effect.sync(() => void call.watchers.delete(tell))
    })
  const fetch = (call: Call): Contract.CallResult => {
    if (call.outcome !== undefined && !call.isFetched) {
      call.isFetched = true
      call.release()
    }
    return resultOf(call)
  }
  return {
    session,
    questions: () =>
      [...calls.values()].flatMap(({ questions }) => [...questions.values()].map(aged)).toSorted((a, b) => a.at - b.at),
    answer: Effect.fnUntraced(function*({ action, content, id }: Contract.Answer) {
      const call = yield* found(id)
      const asked = call.questions.get(id) ?? (call.id === id ? onlyOne(call) : undefined)
      if (asked === undefined) {
        return yield* Effect.fail(
          new DaemonRefusal("BadWish", `the question ${id} does not wait for an answer any more`)
        )
      }
      const isForm = asked.question.mode === "form"
      const fault = action === "accept" && isForm
        ? faultIn(asked.question.requestedSchema, content ?? {})
        : undefined
      if (fault !== undefined) return yield* Effect.fail(new DaemonRefusal("BadWish", fault))
      reply(call, asked, { action, ...(action === "accept" && isForm && { content: content ?? {} }) })
      return resultOf(call)
    }),
    result: Effect.fnUntraced(function*({ id, waitMillis = 0 }: Contract.ResultOf) {
      const call = yield* found(id)
      const known = call.questions.size
      const settled = Effect.repeat(change(call), {
        until: () => call.outcome !== undefined || call.questions.size > known
      })
      if (call.outcome === undefined && waitMillis > 0) yield* Effect.timeoutOption(settled, waitMillis)
      return fetch(call)
    })
  }
})

/** Of a call that waits for one answer only. */
const onlyOne = ({ questions }: Call): Asked | undefined =>
  questions.size === 1 ? [...questions.values()][0] : undefined

/** Makes room for one more call. False: there is none. */
const hasRoom = (calls: ReadonlyMap<string, Call>, forget: (call: Call) => void): boolean => {
  if (calls.size < mostCalls) return true
  const ended = [...calls.values()].filter(({ outcome }) => outcome !== undefined)
  const [oldest] = [...ended.filter(({ isFetched }) => isFetched), ...ended]
  if (oldest !== undefined) forget(oldest)
  return oldest !== undefined
}

const callId = "1"

const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: { elicitation: { form: {}, url: {} } },
    clientInfo: { name: "holdfast", version: "0" }
  }
})

/** Without what only the caller's own session says of it. Everything else is as the caller has written it. */
const plainCall = (request: RawMessage.RawMessage): RawMessage.RawMessage => {
  const members = (path: RawMessage.Path, value: RawMessage.Members, isKept: (name: string) => boolean) =>
    Object.keys(value).filter(isKept).map((name) =>
      `${JSON.stringify(name)}:${RawMessage.textAt(request, [...path, name]) ?? "null"}`
    )
  const params = RawMessage.paramsOf(request)
  const meta = members(
    ["params", "_meta"],
    RawMessage.membersOf(params["_meta"]),
    (name) => !name.startsWith("io.modelcontextprotocol/") && !name.startsWith("holdfast/")
  )
  const plain = [
    ...members(["params"], params, (name) => name !== "_meta"),
    ...(meta.length === 0 ? [] : [`"_meta":{${meta.join(",")}}`])
  ]
  return RawMessage.request(callId, "tools/call", `{${plain.join(",")}}`)
}

const isModern = (request: RawMessage.RawMessage): boolean =>
  RawMessage.textAt(request, RawMessage.paths.revision) !== undefined

const answerFor = (request: RawMessage.RawMessage, outcome: RawMessage.RawMessage): string => {
  const own = RawMessage.replaced(outcome, [[RawMessage.paths.id, request.id]])
  const result = RawMessage.membersOf(outcome.value["result"])
  const isBare = isModern(request) && "result" in outcome.value && !("resultType" in result)
  return (isBare ? RawMessage.withMembers(own, ["result"], `"resultType":"complete"`) : own).text
}

const parkedAnswer = (request: RawMessage.RawMessage, parked: Contract.Parked): string => {
  const words = parked.questions.map(({ id, message, server }) =>
    `${server} asks: ${message}\nThe call waits for the answer: holdfast answer ${id} key=value`
  )
  const result = {
    ...(isModern(request) && { resultType: "complete" }),
    content: [{ type: "text", text: words.join("\n") }],
    _meta: { [Contract.meta.parked]: parked }
  }
  return `{"jsonrpc":"2.0","id":${request.id},"result":${JSON.stringify(result)}}`
}

const tooMany = ({ id }: RawMessage.RawMessage): string => {
  const message = `${mostCalls} calls are parked already; answer one of their questions first`
  const error = { code: -32000, message, data: { reason: "TooBusy", delivery: "NotSent" } }
  return `{"jsonrpc":"2.0","id":${id},"error":${JSON.stringify(error)}}`
}

const unknown = (id: string): DaemonRefusal =>
  new DaemonRefusal(
    "BadWish",
    `the daemon knows no call and no question ${JSON.stringify(id)}; they are kept for an hour`
  )
