/**
 * The store in memory: the reference of the contract. Every operation is one synchronous step, so it is its own transaction.
 *
 * Its runners live in this process: each is alive until its Scope closes.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import { JobError, JobQueueFull } from "../../JobError.ts"
import { isEnded, move } from "../../JobState.ts"
import { crashed, outdated } from "../attempt/failures.ts"
import {
  type Bequest,
  chargedOf,
  type Claim,
  type ClaimRequest,
  type Hold,
  isSuspect,
  type Outcome,
  pastDeadline,
  pauseAfter,
  type Runner,
  type Store,
  type StoredStep
} from "../local/Store.ts"
import { isAnswer, type StoredFailure, type StoredJob } from "../StoredJob.ts"
import { copy, fresh, least, type Row, type StepRow } from "./memoryRows.ts"

export const makeMemoryStore = (): Store => {
  const rows = new Map<string, Row>()
  const steps = new Map<string, Map<string, StepRow>>()
  const runners = new Map<string, Runner>()
  const alive = new Map<string, Runner>()
  /** Per kind and owner: its last job's turn, and when it was given. */
  const turns = new Map<string, { readonly turn: number; readonly at: number }>()
  let count = 0

  const now = Effect.map(Clock.Clock, (clock) => clock.currentTimeMillisUnsafe())
  const atomic = <A>(f: (now: number) => A): Effect.Effect<A> => Effect.map(now, f)
  const turnKey = (kind: string, owner: string) => JSON.stringify([kind, owner])
  const change = (row: Row, now: number, changes: Partial<Row>): void => {
    Object.assign(row, changes, { revision: row.revision + 1, updatedAt: now })
  }
  const end = (row: Row, now: number, outcome: Outcome): void => {
    change(row, now, {
      state: move(row.state, outcome.state),
      runner: undefined,
      isCancelling: false,
      isAlone: false,
      isWaiting: false,
      ending: undefined,
      question: undefined,
      startsAt: undefined,
      finishedAt: now,
      fence: row.fence + 1,
      percent: outcome.state === "succeeded" ? 100 : row.percent,
      result: outcome.state === "succeeded" ? outcome.result : undefined,
      failure: outcome.state === "failed" ? outcome.failure : undefined
    })
  }
  const hasDue = (id: string): boolean => [...steps.get(id)?.values() ?? []].some((step) => step.compensation === "due")
  /** Its runner gives it up: back into the queue, unless it is cancelled and has nothing to undo. */
  const putBack = (row: Row, now: number): void => {
    if (row.isCancelling && !hasDue(row.id)) return end(row, now, { state: "cancelled" })
    change(row, now, {
      state: move(row.state, "queued"),
      runner: undefined,
      isAlone: false,
      isWaiting: false,
      fence: row.fence + 1
    })
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
  const ordered = () => [...rows.values()]
  const stepsOf = (id: string) => {
    let mine = steps.get(id)
    if (mine === undefined) steps.set(id, mine = new Map())
    return mine
  }

  const settle = (row: Row, now: number, outcome: Outcome): Claim => {
    end(row, now, outcome)
    return { _tag: "Settled", id: row.id, state: outcome.state }
  }
  const take = (row: Row, now: number, request: ClaimRequest): Claim => {
    /** What it is to end with before anything else: at once, or when its steps are undone. */
    const endsWith = (failure: StoredFailure): Claim | undefined => {
      if (!hasDue(row.id)) return settle(row, now, { state: "failed", failure })
      row.ending ??= { state: "failed", failure }
      return undefined
    }
    const isEnding = row.isCancelling || row.ending !== undefined
    if (row.crashes >= request.maxCrashes) {
      const failure = crashed(row.crashes)
      if (isEnding) return settle(row, now, { state: "failed", failure })
      const settled = endsWith(failure)
      if (settled !== undefined) return settled
      row.crashes = 0
    } else if (!isEnding && row.version < request.version && request.onOldVersion !== "finish") {
      const isUnsafe = [...steps.get(row.id)?.values() ?? []].some(({ isUnsafe }) => isUnsafe)
      if (request.onOldVersion === "fail" || isUnsafe || hasDue(row.id)) {
        const settled = endsWith(outdated(row, request))
        if (settled !== undefined) return settled
      } else {
        steps.delete(row.id)
        change(row, now, {
          version: request.version,
          percent: 0,
          message: undefined,
          data: undefined,
          question: undefined,
          crashes: 0,
          suspicions: 0
        })
      }
    }
    change(row, now, {
      state: move(row.state, "running"),
      runner: request.runner,
      isAlone: isSuspect(row),
      attempt: row.attempt + 1,
      fence: row.fence + 1,
      startedAt: row.startedAt ?? now
    })
    const ending = row.isCancelling ? { state: "cancelled" } as const : row.ending
    return {
      _tag: "Claimed",
      job: { ...copy(row), payload: row.payload, trace: row.trace, isAlone: row.isAlone, ending }
    }
  }

  return {
    name: "memory",
    insert: (job) =>
      Effect.flatMap(now, (now): Effect.Effect<{ readonly job: StoredJob; readonly isNew: boolean }, JobError> => {
        const same = job.key === undefined
          ? undefined
          : ordered().find((row) => row.kind === job.kind && row.owner === job.owner && row.key === job.key)
        if (same !== undefined) {
          const isFree = job.again && (same.state === "failed" || same.state === "cancelled")
          if (!isFree) return Effect.succeed({ job: copy(same), isNew: false })
        }
        const queued = ordered().filter((row) => row.kind === job.kind && row.state === "queued")
        if (queued.filter((row) => row.owner === job.owner).length >= job.maxQueued) {
          return Effect.fail(new JobError({ reason: new JobQueueFull({ kind: job.kind, limit: job.maxQueued }) }))
        }
        if (same !== undefined) same.key = undefined
        const key = turnKey(job.kind, job.owner)
        const turn = Math.max((turns.get(key)?.turn ?? -1) + 1, queued.length === 0 ? 0 : least(queued))
        turns.set(key, { turn, at: now })
        const row: Row = {
          ...fresh,
          id: job.id,
          number: ++count,
          kind: job.kind,
          version: job.version,
          owner: job.owner,
          key: job.key,
          payload: job.payload,
          trace: job.trace,
          turn,
          createdAt: now,
          startsAt: job.delayMillis > 0 ? now + job.delayMillis : undefined,
          deadlineAt: job.deadlineMillis === undefined ? undefined : now + job.deadlineMillis,
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
    payload: (id) => atomic(() => rows.get(id)?.payload),
    result: (id) => atomic(() => rows.get(id)?.result),
    list: ({ kind, limit, owner, states }) =>
      atomic(() =>
        ordered()
          .filter((row) =>
            (owner ?? row.owner) === row.owner && (kind ?? row.kind) === row.kind &&
            (states === undefined || states.length === 0 || states.includes(row.state))
          )
          .toReversed()
          .slice(0, limit)
          .map(copy)
      ),
    claim: (request) =>
      atomic((now): Claim => {
        let next: Row | undefined
        for (const row of rows.values()) {
          if (row.kind !== request.kind || row.version > request.version) continue
          if (row.state !== "queued" || row.startsAt !== undefined) continue
          if (request.suspects === "pass over" && isSuspect(row)) continue
          // The rows are in the order of their acceptance.
          if (next === undefined || row.turn < next.turn) next = row
        }
        if (next === undefined) return { _tag: "Nothing" }
        if (request.suspects === "wait for" && isSuspect(next)) return { _tag: "Suspect" }
        return take(next, now, request)
      }),
    awaken: atomic((now) => {
      for (const row of rows.values()) {
        if (row.state !== "queued" || row.startsAt === undefined || row.startsAt > now) continue
        change(row, now, { startsAt: undefined })
      }
      const late = ordered().filter((row) =>
        row.state === "queued" && row.deadlineAt !== undefined && row.deadlineAt <= now && row.ending === undefined &&
        !row.isCancelling
      )
      return late.flatMap((row) => {
        if (hasDue(row.id)) {
          change(row, now, { ending: pastDeadline, startsAt: undefined })
          return []
        }
        end(row, now, pastDeadline)
        return [{ id: row.id, kind: row.kind }]
      })
    }),
    enroll: (runner) =>
      Effect.asVoid(Effect.acquireRelease(
        Effect.sync(() => {
          alive.set(runner.id, runner)
          runners.set(runner.id, runner)
        }),
        () => Effect.sync(() => alive.delete(runner.id))
      )),
    runners: atomic(() => {
      for (const [id, runner] of alive) runners.set(id, runner)
      return [...runners.values()]
    }),
    isDead: (runner) => atomic(() => !alive.has(runner.id)),
    bury: (runner) =>
      atomic((now) => {
        runners.delete(runner)
        const mine = ordered().filter((row) => row.state === "running" && row.runner === runner)
        const charged = chargedOf(mine)
        return mine.map((row): Bequest => {
          const isBusy = !row.isWaiting
          putBack(row, now)
          if (row.state === "queued" && isBusy) {
            if (row === charged) row.crashes++
            else if (charged === undefined) row.suspicions++
            const pause = row === charged || charged === undefined ? pauseAfter(row) : 0
            if (pause > 0) row.startsAt = now + pause
          }
          return { id: row.id, kind: row.kind, attempt: row.attempt, state: row.state, isCharged: row === charged }
        })
      }),
    leave: (runner) =>
      atomic((now) => {
        alive.delete(runner)
        runners.delete(runner)
        for (const row of rows.values()) {
          if (row.state === "running" && row.runner === runner) putBack(row, now)
        }
      }),
    held: (runner) =>
      atomic(() =>
        ordered()
          .filter((row) => row.state === "running" && row.runner === runner)
          .map(({ fence, id, isCancelling, question }) => ({ fence, id, isCancelling, question: question?.name }))
      ),
    step: (id, name) =>
      atomic((): StoredStep | undefined => {
        const step = steps.get(id)?.get(name)
        if (step === undefined) return undefined
        const { compensation, fence, isDone, value } = step
        return isDone ? { _tag: "Done", value, compensation } : { _tag: "Begun", fence, value }
      }),
    beginStep: (hold, name) =>
      held(hold, (row) => {
        const steps = stepsOf(row.id)
        const begun = { isDone: false, isUnsafe: true, value: undefined, compensation: "none" } as const
        steps.set(name, { ...begun, ...steps.get(name), fence: hold.fence })
      }),
    commitStep: (hold, name, value, isCompensable) =>
      held(hold, (row, now) => {
        const before = stepsOf(row.id).get(name)
        stepsOf(row.id).set(name, {
          isDone: true,
          isUnsafe: before?.isUnsafe ?? false,
          fence: hold.fence,
          value,
          compensation: isCompensable ? "due" : "none"
        })
        change(row, now, { crashes: 0, suspicions: 0, isAlone: false })
      }),
    setAlarm: (hold, name, at) =>
      atomic(() => {
        if (holding(hold) === undefined) return undefined
        const steps = stepsOf(hold.id)
        const known = steps.get(name)
        if (known === undefined) {
          const value = String(at)
          steps.set(name, { isDone: false, isUnsafe: false, fence: hold.fence, value, compensation: "none" })
        }
        return Number(known?.value ?? at)
      }),
    ask: (hold, question, refused) =>
      atomic((now) => {
        const row = holding(hold)
        if (row === undefined) return undefined
        if (isAnswer(stepsOf(row.id).get(question.name)?.value, refused)) return "answered"
        stepsOf(row.id).delete(question.name)
        change(row, now, { question })
        return "asked"
      }),
    answer: (id, question, value) =>
      atomic((now) => {
        const row = rows.get(id)
        if (row === undefined || row.question?.name !== question) return false
        stepsOf(id).set(question, {
          isDone: false,
          isUnsafe: false,
          fence: row.fence,
          value,
          compensation: "none"
        })
        change(row, now, { question: undefined })
        return true
      }),
    setWaiting: (hold, isWaiting) => held(hold, (row) => void (row.isWaiting = isWaiting)),
    check: (hold) => held(hold, () => {}),
    beginEnding: (hold, ending) =>
      held(hold, (row, now) => change(row, now, { ending, question: undefined, isWaiting: false })),
    commitCompensation: (hold, name) =>
      held(hold, (row) => {
        const step = stepsOf(row.id).get(name)
        if (step !== undefined) stepsOf(row.id).set(name, { ...step, compensation: "done" })
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
        const isOver = row.state === "queued" && !hasDue(id)
        if (isOver) end(row, now, { state: "cancelled" })
        else change(row, now, { isCancelling: true, startsAt: undefined })
        return isOver
      }),
    retry: (id, newId, from) =>
      atomic((now) => {
        const old = rows.get(id)
        if (old === undefined || old.state !== "failed" && old.state !== "cancelled") return undefined
        const { key, kind, owner, payload, trace, version } = old
        old.key = undefined
        const turnOf = turnKey(kind, owner)
        const queued = ordered().filter((row) => row.kind === kind && row.state === "queued")
        const turn = Math.max((turns.get(turnOf)?.turn ?? -1) + 1, queued.length === 0 ? 0 : least(queued))
        turns.set(turnOf, { turn, at: now })
        const row: Row = {
          ...fresh,
          id: newId,
          number: ++count,
          kind,
          version,
          owner,
          key,
          payload,
          trace,
          turn,
          createdAt: now,
          updatedAt: now
        }
        rows.set(newId, row)
        const kept = stepsOf(newId)
        for (const [name, step] of steps.get(id) ?? []) {
          if (name === from || step.compensation === "done") break
          if (step.isDone) kept.set(name, step)
        }
        return copy(row)
      }),
    steps: (id) => atomic(() => [...steps.get(id) ?? []].flatMap(([name, { isDone }]) => isDone ? [name] : [])),
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
        for (const { finishedAt, id } of ordered()) {
          if (finishedAt === undefined || finishedAt >= now - retentionMillis) continue
          rows.delete(id)
          steps.delete(id)
        }
        for (const [key, { at }] of turns) {
          if (at < now - retentionMillis) turns.delete(key)
        }
        return false
      })
  }
}
