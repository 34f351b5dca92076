import { assert, describe, it } from "@effect/vitest"
import * as PoolError from "@holdfast/core/PoolError"

const counts = { total: 3, idle: 1, active: 2, waiting: 4 }
const late = { key: "fs", waitedMillis: 30_000, counts, lastFailure: undefined } as const

const messages: ReadonlyArray<readonly [reason: PoolError.PoolErrorReason<unknown>, message: string]> = [
  [
    new PoolError.AcquireTimeout({ ...late, phase: "queue" }),
    "fs: no connection after 30 s, waiting for a free connection (total=3, idle=1, active=2, waiting=4)"
  ],
  [
    new PoolError.AcquireTimeout({ ...late, phase: "dial", lastFailure: "refused" }),
    "fs: no connection after 30 s, waiting for the dial (total=3, idle=1, active=2, waiting=4): refused"
  ],
  [
    new PoolError.AcquireTimeout({ ...late, phase: "backoff", lastFailure: "refused", lastCause: "late" }),
    "fs: no connection after 30 s, waiting for the next dial (total=3, idle=1, active=2, waiting=4): late"
  ],
  [
    new PoolError.AcquireTimeout({ ...late, phase: "quarantine" }),
    "fs: no connection after 30 s, waiting for the quarantine (total=3, idle=1, active=2, waiting=4)"
  ],
  [
    new PoolError.TooManyWaiters({ key: "fs", limit: 7 }),
    "fs: 7 callers are already waiting; the limit is maxWaiters"
  ],
  [
    new PoolError.DialFailed({ key: "fs", attempts: 1, permanent: true, cause: new Error("no such file") }),
    "fs: could not connect: no such file"
  ],
  [
    new PoolError.DialFailed({ key: "fs", attempts: 4, permanent: false, cause: undefined }),
    "fs: could not connect 4 times"
  ],
  [
    new PoolError.DialDefect({ key: "fs", attempts: 1, cause: "oops" }),
    "fs: the connector broke while dialling: oops (a defect; its stack is in the log)"
  ],
  [
    new PoolError.DialDefect({ key: "fs", attempts: 2, cause: "oops" }),
    "fs: the connector broke 2 times while dialling: oops (a defect; its stack is in the log)"
  ],
  [
    new PoolError.DialTimeout({ key: "fs", timeoutMillis: 999, attempts: 1 }),
    "fs: no connection within 999 ms of dialling (connectTimeout)"
  ],
  [
    new PoolError.Quarantined({ key: "fs", retryInMillis: 1000, lastFailure: "exit 1" }),
    "fs: quarantined after repeated failures, next try in 1 s: exit 1"
  ],
  [
    new PoolError.NotReady({ key: "fs", retryInMillis: 1240, lastFailure: "exit 1" }),
    "fs: not ready, next dial in 1.2 s: exit 1"
  ],
  [new PoolError.PoolClosed({ key: "fs" }), "fs: the connection pool is shutting down"]
]

describe("a pool's error", () => {
  it("says in words which key it is about, what was waited for and the last failure", () => {
    for (const [reason, message] of messages) {
      assert.strictEqual(reason.message, message)
      assert.strictEqual(new PoolError.PoolError({ reason }).message, message)
    }
  })

  it("is known by its tag and its reason's", () => {
    const tags = new Set<string>(messages.map(([reason]) => reason._tag))
    assert.deepStrictEqual([...tags], [
      "AcquireTimeout",
      "TooManyWaiters",
      "DialFailed",
      "DialDefect",
      "DialTimeout",
      "Quarantined",
      "NotReady",
      "PoolClosed"
    ])
    assert.strictEqual(new PoolError.PoolError({ reason: new PoolError.PoolClosed({ key: "fs" }) })._tag, "PoolError")
    const policy = new PoolError.PoolPolicyError({ option: "maxWaiters", expected: "an integer", actual: "x" })
    assert.strictEqual(policy._tag, "PoolPolicyError")
    assert.strictEqual(policy.message, "pool policy: maxWaiters must be an integer, got x")
  })
})
