/**
 * What every link must keep for the runtime above it to keep its own promises. One suite, run for every transport: the peer is the
 * spy of `support/spyBehaviour.ts`, whose orders are the methods of requests.
 */
import type { Link, LinkClosed, LinkFailure, LinkReceiver } from "@holdfast/mcp/Link"
import type { Delivery } from "@holdfast/mcp/McpRuntimeError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import { assert } from "vitest"
import { eventually } from "./support/eventually.ts"
import { RecordingOutbound, RecordingReceiver } from "./support/RecordingReceiver.ts"

/** A link to a spy that does what it is told. */
export interface Opened {
  readonly link: Link
  /** The peer dies as it does in the wild: without a word. */
  readonly kill: Effect.Effect<void>
  /** Waits until a dead peer can be known by whoever sends to it. Nothing else may run in between. */
  readonly gone: Effect.Effect<void>
}

export interface OpenOptions {
  readonly maxMessageBytes?: number | undefined
}

/** One transport. */
export interface Subject {
  readonly name: string
  readonly open: (
    receiver: LinkReceiver & Pick<RecordingReceiver, "closings">,
    options: OpenOptions
  ) => Effect.Effect<Opened, unknown, Scope.Scope>
  /** Frames go one after the other through one pipe, which a peer that does not read (`deaf`) fills. */
  readonly isPipe: boolean
  /** The peer can ask while it is asked. */
  readonly carriesQuestions: boolean
  /** How the link ends when its peer is killed; whether that shows only when something is sent. */
  readonly death: { readonly cause: LinkClosed["_tag"]; readonly showsAtSend: boolean }
}

interface ContractPromise {
  readonly name: string
  readonly appliesTo?: (subject: Subject) => boolean
  readonly check: (subject: Subject) => Effect.Effect<void, unknown, Scope.Scope>
}

/** Closing a link, or learning of its death, has an end. What the machine needs for it is another matter. */
const bound = "1 minute"

const openWith = Effect.fnUntraced(function*(
  { open }: Subject,
  options: OpenOptions = {},
  receiver: RecordingReceiver = new RecordingReceiver()
) {
  const opened = yield* open(receiver, options)
  const ask = (id: number, method: string, params: object = {}) => {
    const outbound = new RecordingOutbound(id, method, params)
    opened.link.post(outbound)
    return outbound
  }
  const notify = (method: string, params: object = {}) => {
    const outbound = new RecordingOutbound(undefined, method, params)
    opened.link.post(outbound)
    return outbound
  }
  const answered = (id: number) => eventually(`answer ${id}`, () => receiver.answerTo(id) !== undefined)
  /** Proves that the link works. */
  const works = (id: number) => Effect.suspend(() => (ask(id, "echo", { id }), answered(id)))
  return { ...opened, receiver, ask, notify, answered, works }
})

/** Opens a link in a Scope that is closed by hand. */
const openApart = Effect.fnUntraced(function*(subject: Subject, options: OpenOptions = {}) {
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const opened = yield* Scope.provide(openWith(subject, options), scope)
  return { ...opened, close: Effect.timeout(Scope.close(scope, Exit.void), bound) }
})

const isLost = (delivery: Delivery) => (outbound: RecordingOutbound): void => {
  for (const failure of outbound.failures) assert.deepInclude(failure, { _tag: "Lost", delivery })
  assert.isAtMost(outbound.failures.length, 1)
}

/** For what is told of in the log. */
const silence = Logger.layer([])

/** Does what it did, and throws then. */
const throwAfter = <Name extends string>(
  owner: { [name in Name]: (...args: ReadonlyArray<never>) => void },
  name: Name
): void => {
  const before = owner[name].bind(owner)
  owner[name] = (...args) => {
    before(...args)
    throw new Error(`${name} has thrown`)
  }
}

const descriptionOf = ({ description }: LinkFailure): string => description

export const promises: ReadonlyArray<ContractPromise> = [
  {
    name: "tells the hand-off of a request once, and then delivers its answer",
    check: Effect.fnUntraced(function*(subject) {
      const { answered, ask, receiver } = yield* openWith(subject)
      const request = ask(1, "echo", { text: "né\n€" })
      yield* answered(1)
      assert.deepStrictEqual(receiver.answerTo(1), { _tag: "Success", id: 1, result: { echo: { text: "né\n€" } } })
      assert.deepStrictEqual([request.handOffs, request.sent, request.failures.length], [1, 0, 0])
    })
  },
  {
    name: "says once when a frame without an answer is sent",
    check: Effect.fnUntraced(function*(subject) {
      const { answered, ask, notify, receiver } = yield* openWith(subject)
      const notice = notify("notifications/initialized")
      yield* eventually("sent", () => notice.sent === 1)
      ask(1, "received")
      yield* answered(1)
      assert.include(JSON.stringify(receiver.answerTo(1)), "notifications/initialized")
      assert.deepStrictEqual([notice.handOffs, notice.sent, notice.failures.length], [1, 1, 0])
    })
  },
  {
    name: "answers any number of requests at once, each with its own",
    check: Effect.fnUntraced(function*(subject) {
      const { ask, receiver } = yield* openWith(subject)
      const requests = Array.from({ length: 200 }, (_, id) => ask(id, "echo", { id }))
      yield* eventually("200 answers", () => receiver.messages.length === 200)
      for (const { failures, handOffs, id = 0 } of requests) {
        assert.deepInclude(receiver.answerTo(id), { result: { echo: { id } } })
        assert.deepStrictEqual([handOffs, failures.length], [1, 0])
      }
    })
  },
  {
    name: "delivers what arrives at once in the order it was written, batches too",
    check: Effect.fnUntraced(function*(subject) {
      const { answered, ask, receiver } = yield* openWith(subject)
      ask(1, "progress", { _meta: { progressToken: 1 } })
      yield* answered(1)
      const told = receiver.messages.map((message) =>
        message._tag === "Notification" ? JSON.stringify(message.params).slice(0, 32) : message._tag
      )
      assert.deepStrictEqual(told, [...[1, 2, 3].map((n) => `{"progressToken":1,"progress":${n},`), "Success"])
      ask(2, "batch")
      yield* answered(2)
      assert.deepStrictEqual(receiver.messages.slice(4).map(({ _tag }) => _tag), ["Notification", "Success"])
    })
  },
  {
    name: "hands frames over in the order they were posted",
    appliesTo: ({ isPipe }) => isPipe,
    check: Effect.fnUntraced(function*(subject) {
      const { answered, ask, notify, receiver } = yield* openWith(subject)
      const words = Array.from({ length: 100 }, (_, i) => `notifications/${i}`)
      for (const word of words) notify(word, { filler: "x".repeat(5000) })
      ask(1, "received")
      yield* answered(1)
      const answer = JSON.stringify(receiver.answerTo(1))
      assert.deepStrictEqual(answer.match(/notifications\/\d+/g) ?? [], words)
    })
  },
  {
    name: "carries requests of the server to us and our answers back",
    appliesTo: ({ carriesQuestions }) => carriesQuestions,
    check: Effect.fnUntraced(function*(subject) {
      const { answered, ask, link, receiver } = yield* openWith(subject)
      ask(1, "ask")
      yield* eventually("three questions", () => receiver.messages.length === 3)
      for (const message of receiver.messages) {
        assert.strictEqual(message._tag, "Request")
        if (message._tag !== "Request") continue
        const text = JSON.stringify({ jsonrpc: "2.0", id: message.id, result: {} })
        link.post(Object.assign(new RecordingOutbound(undefined, "response"), { text }))
      }
      yield* answered(1)
      assert.match(JSON.stringify(receiver.answerTo(1)), /q1.*q2.*3/)
    })
  },
  {
    name: "carries messages of megabytes both ways, and counts what it received",
    check: Effect.fnUntraced(function*(subject) {
      const { answered, ask, link, receiver } = yield* openWith(subject)
      const bytes = 4 * 1024 * 1024
      const before = link.received()
      ask(1, "size", { text: "x".repeat(bytes) })
      ask(2, "big", { bytes })
      yield* answered(1)
      yield* answered(2)
      assert.deepInclude(receiver.answerTo(1), { result: { length: bytes } })
      const big = receiver.answerTo(2)
      assert.isTrue(big?._tag === "Success" && JSON.stringify(big.result).length === bytes + 11)
      assert.isAbove(link.received() - before, bytes)
    })
  },
  {
    name: "may be called back from within what it tells",
    check: Effect.fnUntraced(function*(subject) {
      const receiver = new RecordingReceiver()
      const told = receiver.onMessage.bind(receiver)
      const { ask } = yield* openWith(subject, {}, receiver)
      receiver.onMessage = (message) => {
        told(message)
        if (message._tag === "Success" && typeof message.id === "number" && message.id < 20) ask(message.id + 1, "echo")
      }
      ask(1, "echo")
      yield* eventually("a chain of 20", () => receiver.answerTo(20) !== undefined)
      assert.strictEqual(receiver.messages.length, 20)
    })
  },
  {
    name: "delivers every other message, and every other fate, though those who are told of some throw",
    check: (subject) =>
      Effect.provide(
        Effect.gen(function*() {
          const receiver = new RecordingReceiver()
          const { answered, ask, link, receiver: { messages, malformed } } = yield* openWith(subject, {}, receiver)
          throwAfter(receiver, "onMessage")
          throwAfter(receiver, "onMalformed")
          ask(1, "progress", { _meta: { progressToken: 1 } })
          yield* answered(1)
          assert.deepStrictEqual(
            messages.map(({ _tag }) => _tag),
            ["Notification", "Notification", "Notification", "Success"]
          )
          ask(2, "malformed")
          yield* eventually("told", () => malformed.length === 1)
          ask(3, "batch")
          yield* answered(3)
          assert.strictEqual(messages.length, 6)
          // Posted at once, so that some of them may have to wait together.
          const frames = Array.from({ length: 10 }, (_, index) => new RecordingOutbound(4 + index, "echo"))
          const notices = Array.from({ length: 10 }, () => new RecordingOutbound(undefined, "notifications/x"))
          for (const frame of [...frames, ...notices]) {
            throwAfter(frame, "onHandOff")
            throwAfter(frame, "onSent")
            link.post(frame)
          }
          for (const { id } of frames) yield* answered(Number(id))
          yield* eventually("sent", () => notices.every(({ sent }) => sent === 1))
          assert.deepStrictEqual(
            [...frames, ...notices].map(({ handOffs }) => handOffs),
            [...frames, ...notices].map(() => 1)
          )
          assert.isEmpty(receiver.closings)
        }),
        silence
      )
  },
  {
    name: "ends, and says so, though those who are told of the end throw",
    check: (subject) =>
      Effect.provide(
        Effect.gen(function*() {
          const { ask, close, link, receiver, works } = yield* openApart(subject)
          throwAfter(receiver, "onClosed")
          yield* works(1)
          ask(2, "hold")
          yield* close
          assert.strictEqual((yield* link.closed)._tag, "Released")
          assert.strictEqual(receiver.closings.length, 1)
          const late = new RecordingOutbound(3, "echo")
          throwAfter(late, "onFailure")
          link.post(late)
          assert.strictEqual(late.failures.length, 1)
        }),
        silence
      )
  },
  {
    name: "lets no message that makes no sense disturb the others",
    check: Effect.fnUntraced(function*(subject) {
      const { ask, receiver, works } = yield* openWith(subject)
      const broken = ask(1, "malformed")
      yield* works(2)
      yield* eventually("told", () => receiver.malformed.length === 1)
      assert.deepInclude(receiver.malformed[0], { _tag: "Malformed", answerTo: 1 })
      assert.isEmpty(broken.failures)
      assert.isEmpty(receiver.closings)
    })
  },
  {
    name: "tells the call at once whose answer is too long, and disturbs no other",
    check: Effect.fnUntraced(function*(subject) {
      const { ask, receiver, works } = yield* openWith(subject, { maxMessageBytes: 100_000 })
      const long = ask(1, "big", { bytes: 500_000 })
      const isTold = () => receiver.malformed.some(({ answerTo }) => answerTo === 1) || long.failures.length === 1
      yield* eventually("told", isTold)
      for (const told of [...receiver.malformed.map(({ reason }) => reason), ...long.failures.map(descriptionOf)]) {
        assert.match(told, /^a message of .*bytes, which is too long$/)
      }
      assert.strictEqual(receiver.malformed.length + long.failures.length, 1, "it is told once")
      yield* works(2)
      assert.isUndefined(receiver.answerTo(1))
      assert.isEmpty(receiver.closings)
    })
  },
  {
    name: "holds it against no call when a message that answers none is too long",
    // In JSON it would be part of the answer.
    appliesTo: ({ carriesQuestions }) => carriesQuestions,
    check: Effect.fnUntraced(function*(subject) {
      const { answered, ask, receiver, works } = yield* openWith(subject, { maxMessageBytes: 100_000 })
      const held = ask(1, "hold")
      const asked = ask(2, "shout", { bytes: 500_000 })
      yield* answered(2)
      assert.deepInclude(receiver.answerTo(2), { result: { shouted: true } })
      assert.strictEqual(receiver.malformed.length, 1)
      assert.match(receiver.malformed[0]?.reason ?? "", /^a message of 50\d{4} bytes, which is too long$/)
      assert.isUndefined(receiver.malformed[0]?.answerTo)
      assert.isAtMost(receiver.malformed[0]?.excerpt.length ?? 0, 201)
      yield* works(3)
      for (const { failures } of [held, asked]) assert.isEmpty(failures)
      assert.isEmpty(receiver.closings)
    })
  },
  {
    name: "keeps frames back from a peer that does not read, and can take them back",
    appliesTo: ({ isPipe }) => isPipe,
    check: Effect.fnUntraced(function*(subject) {
      const { answered, ask, link } = yield* openWith(subject)
      ask(1, "deaf")
      yield* answered(1)
      const stuck = ask(2, "echo", { filler: "x".repeat(4 * 1024 * 1024) })
      assert.isTrue(link.isCongested())
      const waiting = ask(3, "echo")
      assert.deepStrictEqual([stuck.handOffs, waiting.handOffs], [1, 0])
      assert.isTrue(link.withdraw(waiting))
      assert.isFalse(link.withdraw(waiting), "it is taken back once")
      assert.isFalse(link.withdraw(stuck), "what was handed over is not taken back")
      assert.deepStrictEqual([waiting.handOffs, waiting.failures.length], [0, 0])
    })
  },
  {
    name: "settles what waits behind a peer that dies, as not sent",
    appliesTo: ({ isPipe }) => isPipe,
    check: Effect.fnUntraced(function*(subject) {
      const { answered, ask, kill, link, notify, receiver } = yield* openWith(subject)
      ask(1, "deaf")
      yield* answered(1)
      const stuck = ask(2, "echo", { filler: "x".repeat(4 * 1024 * 1024) })
      const waiting = [ask(3, "echo"), ask(4, "echo"), notify("notifications/x")]
      yield* kill
      yield* Effect.timeout(link.closed, bound)
      for (const outbound of waiting) {
        assert.strictEqual(outbound.handOffs, 0)
        assert.strictEqual(outbound.failures.length, 1)
        isLost("NotSent")(outbound)
      }
      assert.strictEqual(stuck.handOffs, 1, "what was given to the pipe is in doubt: only the closing speaks for it")
      assert.strictEqual(receiver.closings.length, 1)
    })
  },
  {
    name: "gives the fate of a request when the peer dies over it, and of no other",
    check: Effect.fnUntraced(function*(subject) {
      const { answered, ask, kill, receiver, works } = yield* openWith(subject)
      const other = ask(1, "echo")
      yield* answered(1)
      const held = ask(2, "hold")
      yield* works(3)
      yield* kill
      yield* eventually("a fate", () => held.failures.length + receiver.closings.length > 0)
      assert.strictEqual(held.handOffs, 1)
      isLost("Unknown")(held)
      assert.isEmpty(other.failures)
    })
  },
  {
    name: "lets no frame pass for handed over that the dead peer cannot have got, and ends with the cause",
    check: Effect.fnUntraced(function*(subject) {
      const { ask, gone, kill, link, receiver, works } = yield* openWith(subject)
      yield* works(1)
      yield* kill
      yield* gone
      const late = ask(2, "echo")
      yield* eventually("its fate", () => late.failures.length === 1)
      isLost("NotSent")(late)
      assert.strictEqual(late.handOffs, 0)
      const closed = yield* Effect.timeout(link.closed, bound)
      assert.strictEqual(closed._tag, subject.death.cause)
      assert.deepStrictEqual(receiver.closings, [closed])
      if (closed._tag === "ProcessEnded") assert.deepInclude(closed.end, { code: null, signal: "SIGKILL" })
    })
  },
  {
    name: "tells its death without being asked",
    appliesTo: ({ death }) => !death.showsAtSend,
    check: Effect.fnUntraced(function*(subject) {
      const { kill, link, receiver, works } = yield* openWith(subject)
      yield* works(1)
      const watching = yield* Effect.forkChild(link.closed, { startImmediately: true })
      yield* kill
      const closed = yield* Effect.timeout(Fiber.join(watching), bound)
      assert.strictEqual(yield* link.closed, closed)
      assert.deepStrictEqual(receiver.closings, [closed])
    })
  },
  {
    name: "shares nothing with another link",
    check: Effect.fnUntraced(function*(subject) {
      const one = yield* openWith(subject)
      const other = yield* openApart(subject)
      yield* Effect.all([one.works(1), other.works(1)], { concurrency: 2 })
      const held = one.ask(2, "hold")
      yield* other.kill
      yield* other.close
      yield* one.works(3)
      assert.isEmpty(held.failures)
      assert.isEmpty(one.receiver.closings)
      assert.isUndefined(one.receiver.answerTo(2))
    })
  },
  {
    name: "stays usable when a request is given up, sent or not, and lets go of nobody else's",
    check: Effect.fnUntraced(function*(subject) {
      const { answered, ask, link, receiver, works } = yield* openWith(subject)
      yield* works(1)
      const kept = ask(2, "hold")
      const given = ask(3, "hold")
      yield* works(4)
      link.forget(3)
      link.forget(3)
      link.forget(987)
      const hasty = ask(5, "echo")
      if (!link.withdraw(hasty)) link.forget(5)
      yield* works(6)
      ask(7, "release")
      yield* answered(7)
      yield* answered(2)
      for (const outbound of [kept, given, hasty]) assert.isEmpty(outbound.failures)
      assert.isEmpty(receiver.closings)
    })
  },
  {
    name: "says once that it was released, in bounded time and however often it is closed, and nothing afterwards",
    check: Effect.fnUntraced(function*(subject) {
      const { ask, close, link, receiver, works } = yield* openApart(subject)
      const held = ask(1, "hold")
      yield* works(2)
      yield* Effect.all([close, close], { concurrency: 2 })
      yield* close
      assert.deepStrictEqual(receiver.closings, [{ _tag: "Released" }])
      assert.strictEqual((yield* link.closed)._tag, "Released")
      isLost("Unknown")(held)
      assert.isEmpty(receiver.tooLate)
    })
  },
  {
    name: "closes in bounded time over a peer that does not read, with everything settled",
    appliesTo: ({ isPipe }) => isPipe,
    check: Effect.fnUntraced(function*(subject) {
      const { answered, ask, close, receiver } = yield* openApart(subject)
      ask(1, "deaf")
      yield* answered(1)
      ask(2, "echo", { filler: "x".repeat(4 * 1024 * 1024) })
      const waiting = ask(3, "echo")
      yield* close
      assert.deepStrictEqual(receiver.closings, [{ _tag: "Released" }])
      assert.strictEqual(waiting.failures.length, 1)
      isLost("NotSent")(waiting)
    })
  },
  {
    name: "refuses frames once it is closed, as not sent",
    check: Effect.fnUntraced(function*(subject) {
      const { ask, close, link, notify } = yield* openApart(subject)
      yield* close
      for (const late of [ask(1, "echo"), notify("notifications/x")]) {
        assert.deepStrictEqual([late.handOffs, late.sent, late.failures.length], [0, 0, 1])
        isLost("NotSent")(late)
        assert.isFalse(link.withdraw(late))
      }
      link.forget(1)
    })
  }
]
