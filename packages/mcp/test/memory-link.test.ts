/** What a link in memory can do besides what every link can: everything that happens between two processes, on command. */
import { assert, describe, it } from "@effect/vitest"
import type { MemoryPeer } from "@holdfast/mcp/testing"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import { TestClock } from "effect/testing"
import { Buffer } from "node:buffer"
import * as memoryLink from "../src/internal/memory/memoryLink.ts"
import { passing } from "./support/memoryTime.ts"
import { RecordingOutbound, RecordingReceiver } from "./support/RecordingReceiver.ts"

/** A link to a server that does nothing by itself. */
const open = Effect.fnUntraced(function*(
  options: memoryLink.MemoryLinkOptions = {},
  serve: (peer: MemoryPeer) => Effect.Effect<void> = () => Effect.never
) {
  const receiver = new RecordingReceiver()
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
  const peers: Array<MemoryPeer> = []
  const link = yield* Scope.provide(
    memoryLink.make(
      (peer) => {
        peers.push(peer)
        return serve(peer)
      },
      receiver,
      options
    ),
    scope
  )
  yield* passing("the server runs", () => peers.length === 1)
  const [peer] = peers
  if (peer === undefined) return yield* Effect.die("no server")
  const post = (id: number | undefined, text = "") => {
    const outbound = new RecordingOutbound(id, "x", { text })
    link.post(outbound)
    return outbound
  }
  return { link, peer, receiver, post, close: Scope.close(scope, Exit.void) }
})

const answerTo = (id: number) => ({ jsonrpc: "2.0", id, result: {} })

describe("a link in memory", () => {
  it.effect("ignores what the server writes after the end, whoever ended it", () =>
    Effect.gen(function*() {
      const exited = yield* open()
      exited.peer.send(answerTo(1))
      exited.peer.exit()
      const released = yield* open()
      yield* released.close
      for (const { link, peer, receiver } of [exited, released]) {
        const before = link.received()
        peer.send(answerTo(2))
        peer.exit({ code: 9 })
        assert.strictEqual(link.received(), before)
        assert.strictEqual(receiver.closings.length, 1)
        assert.isEmpty(receiver.tooLate)
      }
      assert.strictEqual(exited.receiver.messages.length, 1)
      assert.isEmpty(released.receiver.messages)
    }))

  it.effect("delivers nothing more of a chunk once its first message has ended the link", () =>
    Effect.gen(function*() {
      const { peer, receiver } = yield* open()
      const told = receiver.onMessage.bind(receiver)
      receiver.onMessage = (message) => {
        told(message)
        peer.end({ _tag: "Released" })
      }
      peer.send(answerTo(1), answerTo(2))
      assert.deepStrictEqual([receiver.messages.length, receiver.tooLate.length, receiver.closings.length], [1, 0, 1])
    }))

  it.effect("leaves frames in doubt that were in the pipe when the server died, and no others", () =>
    Effect.gen(function*() {
      const { link, peer, post, receiver } = yield* open({ capacity: 200 })
      const inPipe = post(1)
      let queued = 0
      const waiting = new RecordingOutbound(2, "x", { text: "y".repeat(200) })
      link.post(Object.assign(waiting, { onQueued: () => queued++ }))
      assert.deepStrictEqual([inPipe.handOffs, waiting.handOffs, queued], [1, 0, 1])
      peer.exit({ signal: "SIGKILL" })
      assert.deepStrictEqual([inPipe.failures.length, waiting.failures.length], [0, 1])
      assert.deepInclude(waiting.failures[0], { delivery: "NotSent" })
      assert.strictEqual(receiver.closings.length, 1)
    }))

  it.effect("hands over what waited as soon as the server reads, in order, and no more than the pipe holds", () =>
    Effect.gen(function*() {
      const { link, peer, post } = yield* open({ capacity: 1 })
      const frames = [1, 2, 3].map((id) => post(id))
      assert.deepStrictEqual(frames.map(({ handOffs }) => handOffs), [1, 0, 0])
      assert.include(yield* peer.read, `"id":1`)
      assert.deepStrictEqual(frames.map(({ handOffs }) => handOffs), [1, 1, 0])
      assert.isTrue(link.isCongested())
      assert.include(yield* peer.read, `"id":2`)
      assert.include(yield* peer.read, `"id":3`)
      assert.isFalse(link.isCongested())
    }))

  it.effect("never runs the server within a post", () =>
    Effect.gen(function*() {
      const heard: Array<string> = []
      const { post } = yield* open({}, (peer) =>
        Effect.forever(Effect.tap(peer.read, (text) => Effect.sync(() => heard.push(text)))))
      post(1)
      post(2)
      assert.isEmpty(heard)
      yield* passing("both", () =>
        heard.length === 2)
    }))

  it.effect("puts together what comes in pieces, and tells what is no text or cut off", () =>
    Effect.gen(function*() {
      const { peer, receiver } = yield* open()
      for (const byte of Buffer.from(`{"jsonrpc":"2.0","id":1,"result":{"text":"né€😀"}}\n`)) {
        peer.write(Buffer.from([byte]))
      }
      assert.deepInclude(receiver.answerTo(1), { result: { text: "né€😀" } })
      peer.write(
        Buffer.concat([
          Buffer.from(`{"jsonrpc":"2.0","id":2,"result":"`),
          Buffer.from([0xc3, 0x28]),
          Buffer.from("\"}\n")
        ])
      )
      peer.write(`{"jsonrpc":"2.0","id":3,`)
      peer.exit({ code: 1 })
      assert.deepStrictEqual(receiver.malformed.map(({ answerTo, reason }) => [answerTo, reason]), [
        [2, "not UTF-8"],
        [undefined, "the output ended in the middle of a line"]
      ])
    }))

  it.effect("fails single requests as HTTP does, once, and only those that wait", () =>
    Effect.gen(function*() {
      const { link, peer, post } = yield* open()
      const [refused, answered, forgotten] = [post(1), post(2), post(3)]
      const letGo: Array<unknown> = []
      peer.onForgotten = (id) => void letGo.push(id)
      peer.send(answerTo(2))
      link.forget(3)
      const failure = { _tag: "Rejected", status: 429, description: "too many" } as const
      assert.deepStrictEqual([1, 1, 2, 3].map((id) => peer.fail(id, failure)), [true, false, false, false])
      assert.deepStrictEqual(refused?.failures, [failure])
      assert.deepStrictEqual([answered?.failures, forgotten?.failures], [[], []])
      assert.deepStrictEqual([letGo, peer.pending()], [[3], []])
    }))

  it.effect("ends the server's work when the process exits, and waits two seconds for what will not end", () =>
    Effect.gen(function*() {
      let isWorking = true
      const exiting = yield* open({}, (peer) =>
        Effect.ensuring(
          Effect.andThen(Effect.forkChild(Effect.andThen(peer.read, Effect.sync(() => peer.exit()))), Effect.never),
          Effect.sync(() => isWorking = false)
        ))
      exiting.post(1)
      yield* passing("the end of the work", () => !isWorking)
      const stubborn = yield* open({}, () => Effect.uninterruptible(Effect.never))
      const closing = yield* Effect.forkChild(stubborn.close, { startImmediately: true })
      assert.deepStrictEqual(stubborn.receiver.closings, [{ _tag: "Released" }])
      yield* TestClock.adjust("1999 millis")
      assert.isUndefined(closing.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* Fiber.join(closing)
    }))

  it.effect("a server that returns has exited with code 0; what it wrote last is delivered first", () =>
    Effect.gen(function*() {
      const { link, receiver } = yield* open({}, (peer) =>
        Effect.sync(() => {
          peer.warn("last words")
          peer.send(answerTo(1))
        }))
      const closed = yield* link.closed
      assert.strictEqual(receiver.messages.length, 1)
      assert.isTrue(closed._tag === "ProcessEnded" && closed.end.code === 0 && closed.end.stderrTail === "last words")
    }))
})
