/**
 * The store in memory: the reference of the contract. Every operation is one synchronous step, so it is its own transaction.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { JobError, JobQueueFull } from "../../JobError.ts"
import { isEnded, move } from "../../JobState.ts"
import type { StoredJob } from "../../JobStore.ts"
import { crashed, outdated } from "../failures.ts"
import type { Claim, ClaimRequest, Former, Hold, Outcome, Runner, Store, StoredStep } from "./LeaseStore.ts"

type Mutable<A> = { -readonly [K in keyof A]: A[K] }

interface Row extends Mutable<StoredJob> {
  readonly payload: string
  result: string | undefined
  readonly number: number
  readonly key: string | undefined
  runner: string | undefined
  /** Runners that died over it since its last completed step. */
  crashes: number
}

export const makeMemoryStore = (): Store => {
  const rows = new Map<string, Row>()
  const steps = new Map<string, Map<string, { readonly step: StoredStep; readonly isUnsafe: boolean }>>()
  const runners = new Map<string, Runner & { readonly until: number }>()
  /** Per kind and owner, which was the owner's last turn, and when it asked for or was given anything. */
  const turns = new Map<string, { readonly turn: number; readonly askedAt: number }>()
  let count = 0
  let turn = 0

  const now = Effect.map(Clock.Clock, (clock) => clock.currentTimeMillisUnsafe())
  const atomic = <A>(f: (now: number) => A): Effect.Effect<A> => Effect.map(now, f)
  const turnKey = (kind: string, owner: string) => JSON.stringify([kind, owner])
  const copy = (
    { crashes: _crashes, key: _key, number: _number, payload: _payload, result: _result, runner: _runner, ...job }: Row
  ): StoredJob => job

  const change = (row: Row, now: number, changes: Partial<Row>): void => {
    Object.assign(row, changes, { revision: row.revision + 1, updatedAt: now })
  }
  const end = (row: Row, now: number, outcome: Outcome): void => {
    change(row, now, {
      state: move(row.state, outcome.state),
      runner: undefined,
      isCancelling: false,
      finishedAt: now,
      fence: row.fence + 1,
      percent: outcome.state === "succeeded" ? 100 : row.percent,
      result: outcome.state === "succeeded" ? outcome.result : undefined,
      failure: outcome.state === "failed" ? outcome.failure : undefined
    })
  }
  /** Its runner gives it up: back into the queue, unless somebody waits for its end. */
  const putBack = (row: Row, now: number): void => {
    if (row.isCancelling) return end(row, now, { state: "cancelled" })
    change(row, now, { state: move(row.state, "queued"), runner: undefined, fence: row.fence + 1 })
  }
  const holding = ({ fence, id }: Hold): Row | undefined => {
    const row = rows.get(id)
    return row?.state === "running" && row.fence === fence ? row : undefined
  }
  /** Does it if the hold is still good, and says whether. */
  const held = (hold: Hold, f: (row: Row, now: number) => void): Effect.Effect<boolean> =>
    atomic((now) => {
      const row = holding(hold)
      if (row !== undefined) f(row, now)
      return row !== undefined
    })
  const isAlive = (runner: string | undefined, now: number) =>
    runner !== undefined && (runners.get(runner)?.until ?? 0) > now
  const ordered = () => [...rows.values()]

  const take = (row: Row, now: number, runner: string, former: Former | undefined): Claim => {
    change(row, now, {
      state: move(row.state, "running"),
      runner,
      attempt: row.attempt + 1,
      fence: row.fence + 1,
      startedAt: row.startedAt ?? now
    })
    return { _tag: "Claimed", job: { ...copy(row), payload: row.payload }, ...former !== undefined && { former } }
  }
  const settle = (row: Row, now: number, outcome: Outcome, former: Former | undefined): Claim => {
    end(row, now, outcome)
    return { _tag: "Settled", id: row.id, state: outcome.state, ...former !== undefined && { former } }
  }
  /** A job of an older version, before it is taken: settled, or made ready. */
  const upgrade = (row: Row, now: number, request: ClaimRequest, former?: Former): Claim | undefined => {
    if (row.version >= request.version || request.onOldVersion === "finish") return undefined
    const done = steps.get(row.id)
    const isUnsafe = done !== undefined && [...done.values()].some(({ isUnsafe }) => isUnsafe)
    if (request.onOldVersion === "fail" || isUnsafe) {
      return settle(row, now, { state: "failed", failure: outdated(row, request) }, former)
    }
    steps.delete(row.id)
    change(row, now, { version: request.version, percent: 0, message: undefined, data: undefined, crashes: 0 })
    return undefined
  }

  return {
    name: "memory",
    insert: (job) =>
      Effect.flatMap(now, (now): Effect.Effect<{ readonly job: StoredJob; readonly isNew: boolean }, JobError> => {
        const mine = ordered().filter((row) => row.kind === job.kind && row.owner === job.owner)
        const same = job.key === undefined ? undefined : mine.find((row) => row.key === job.key)
        if (same !== undefined) return Effect.succeed({ job: copy(same), isNew: false })
        if (mine.filter((row) => row.state === "queued").length >= job.maxQueued) {
          return Effect.fail(new JobError({ reason: new JobQueueFull({ kind: job.kind, limit: job.maxQueued }) }))
        }
        const key = turnKey(job.kind, job.owner)
        turns.set(key, { turn: turns.get(key)?.turn ?? 0, askedAt: now })
        const row: Row = {
          id: job.id,
          number: ++count,
          kind: job.kind,
          version: job.version,
          owner: job.owner,
          key: job.key,
          payload: job.payload,
          state: "queued",
          attempt: 0,
          crashes: 0,
          fence: 0,
          runner: undefined,
          isCancelling: false,
          percent: 0,
          message: undefined,
          data: undefined,
          result: undefined,
          failure: undefined,
          question: undefined,
          startsAt: undefined,
          deadlineAt: undefined,
          revision: 1,
          createdAt: now,
          startedAt: undefined,
          finishedAt: undefined,
          updatedAt: now
        }
        rows.set(row.id, row)
        return Effect.succeed({ job: copy(row), isNew: true })
      }),
    read: (ids) =>
      atomic(() =>
        ids.flatMap((id) => {
          const row = rows.get(id)
          return row === undefined ? [] : [copy(row)]
        })
      ),
    result: (id) => atomic(() => rows.get(id)?.result),
    list: ({ kind, limit, owner, states }) =>
      atomic(() =>
        ordered()
          .filter((row) =>
            (owner ?? row.owner) === row.owner && (kind ?? row.kind) === row.kind &&
            (states === undefined || states.includes(row.state))
          )
          .toReversed()
          .slice(0, limit)
          .map(copy)
      ),
    claim: (request) =>
      atomic((now): Claim => {
        const mine = ordered().filter((row) => row.kind === request.kind && row.version <= request.version)
        // A runner's own jobs are its own while nobody took them, even when its lease is over.
        const isOrphan = (row: Row) =>
          row.state === "running" && row.runner !== request.runner && !isAlive(row.runner, now) &&
          (!runners.has(row.runner ?? "") || request.silent?.includes(row.runner ?? "") !== false)
        const orphan = mine.find(isOrphan)
        if (orphan !== undefined) {
          const until = runners.get(orphan.runner ?? "")?.until
          const former = {
            runner: orphan.runner ?? "",
            leaseOverMillis: until === undefined ? undefined : now - until
          }
          if (orphan.isCancelling) return settle(orphan, now, { state: "cancelled" }, former)
          if (orphan.crashes + 1 >= request.maxCrashes) {
            return settle(orphan, now, { state: "failed", failure: crashed(orphan.crashes + 1) }, former)
          }
          change(orphan, now, { state: move(orphan.state, "queued"), crashes: orphan.crashes + 1 })
          return upgrade(orphan, now, request, former) ?? take(orphan, now, request.runner, former)
        }
        const lastTurn = (row: Row) => turns.get(turnKey(row.kind, row.owner))?.turn ?? 0
        // The rows are in the order of their acceptance: the first of the owner who has waited longest for a turn.
        let next: Row | undefined
        for (const row of mine) {
          if (row.state === "queued" && (next === undefined || lastTurn(row) < lastTurn(next))) next = row
        }
        if (next === undefined) return { _tag: "Nothing" }
        turns.set(turnKey(next.kind, next.owner), { turn: ++turn, askedAt: now })
        return upgrade(next, now, request) ?? take(next, now, request.runner, undefined)
      }),
    renew: (runner, leaseMillis) =>
      atomic((now) => {
        runners.set(runner.id, { ...runner, until: now + leaseMillis })
      }),
    runners: atomic((now) => [...runners.values()].map((runner) => ({ ...runner, isOver: runner.until <= now }))),
    retire: (runner) =>
      atomic(() => {
        runners.delete(runner)
      }),
    leave: (runner) =>
      atomic((now) => {
        runners.delete(runner)
        for (const row of rows.values()) {
          if (row.state === "running" && row.runner === runner) putBack(row, now)
        }
      }),
    held: (runner) =>
      atomic(() =>
        ordered()
          .filter((row) => row.state === "running" && row.runner === runner)
          .map(({ fence, id, isCancelling }) => ({ fence, id, isCancelling }))
      ),
    step: (id, name) => atomic(() => steps.get(id)?.get(name)?.step),
    beginStep: (hold, name) =>
      held(hold, (row) => {
        const steps = stepsOf(row.id)
        if (steps.get(name)?.step._tag === "Done") return
        steps.set(name, { step: { _tag: "Begun", fence: hold.fence }, isUnsafe: true })
      }),
    commitStep: (hold, name, value) =>
      held(hold, (row, now) => {
        const isUnsafe = stepsOf(row.id).get(name)?.isUnsafe ?? false
        stepsOf(row.id).set(name, { step: { _tag: "Done", value }, isUnsafe })
        change(row, now, { crashes: 0 })
      }),
    finish: (hold, outcome) => held(hold, (row, now) => end(row, now, outcome)),
    release: (hold) => held(hold, putBack),
    report: (reports) =>
      atomic((now) => {
        for (const report of reports) {
          const row = holding(report)
          if (row === undefined) continue
          const { data, message, percent } = report
          change(row, now, { percent: Math.max(row.percent, percent), message, data })
        }
      }),
    requestCancel: (id) =>
      atomic((now) => {
        const row = rows.get(id)
        if (row === undefined || isEnded(row.state)) return false
        const isOver = row.state === "queued" || !isAlive(row.runner, now)
        if (isOver) end(row, now, { state: "cancelled" })
        else change(row, now, { isCancelling: true })
        return isOver
      }),
    remove: (id) =>
      atomic(() => {
        const row = rows.get(id)
        if (row === undefined || !isEnded(row.state)) return false
        steps.delete(id)
        return rows.delete(id)
      }),
    backlog: (kind) =>
      atomic((now) => {
        const waiting = ordered().filter((row) => row.kind === kind && row.state === "queued")
        return { queued: waiting.length, oldestMillis: now - (waiting[0]?.createdAt ?? now) }
      }),
    clean: (retentionMillis) =>
      atomic((now) => {
        const old = ordered().filter(({ finishedAt }) => finishedAt !== undefined && finishedAt < now - retentionMillis)
        if (old.length === 0) return 0
        const removed = old.slice(0, 1000)
        for (const { id } of removed) {
          rows.delete(id)
          steps.delete(id)
        }
        const kept = new Set(ordered().map(({ kind, owner }) => turnKey(kind, owner)))
        for (const [key, { askedAt }] of turns) {
          if (!kept.has(key) && askedAt < now - retentionMillis) turns.delete(key)
        }
        return removed.length
      })
  }

  function stepsOf(id: string) {
    let mine = steps.get(id)
    if (mine === undefined) steps.set(id, mine = new Map())
    return mine
  }
}
