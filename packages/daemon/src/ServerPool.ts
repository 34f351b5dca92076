/**
 * The servers that the daemon holds: `ConnectionPool` of `@holdfast/core` over processes whose lines are passed on as they are.
 *
 * Promises
 * - A process is greeted once, in the words of the first session that wants it, and never given away before it has answered.
 * - One that refuses the question of one era politely is kept for the question of the other, and so is one that is silent on the modern
 *   question when a client goes on to the legacy one. No server is started twice only to find out what it speaks, and what it
 *   refused is remembered.
 * - A process with tasks that have not ended is kept, and asked after them; where it is lost the next one is started for them, which may know them.
 * - When the Scope closes every process has ended.
 */
import { ConnectionPool, type PoolError } from "@holdfast/core"
import type { KeySnapshot } from "@holdfast/core/PoolSnapshot"
import type { LinkClosed } from "@holdfast/mcp/Link"
import { ConnectionLost, ServerExited } from "@holdfast/mcp/McpRuntimeError"
import type { ProcessError } from "@holdfast/process/ProcessError"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Admission from "./Admission.ts"
import { isOfEra } from "./Catalogue.ts"
import type { Era, Step, StepName, Try } from "./ControlContract.ts"
import type { Explanation, FailureStatus, ServerStatus, SessionStatus } from "./DaemonStatus.ts"
import { Greeter } from "./Greeter.ts"
import type { Loss } from "./HostSession.ts"
import { differences } from "./internal/differences.ts"
import * as Instances from "./internal/Instances.ts"
import type { Journal } from "./internal/Journal.ts"
import { OpenTasks } from "./internal/OpenTasks.ts"
import * as ServerProcess from "./internal/ServerProcess.ts"
import type { PooledServer, ServerFailure } from "./PooledServer.ts"
import * as RawMessage from "./RawMessage.ts"
import { ServerMux } from "./ServerMux.ts"
import type { ServerTarget } from "./ServerTarget.ts"
import type { ServerCommand } from "./SharedServers.ts"

/** The processes of one daemon, lent to sessions. */
export interface ServerPool {
  /** Borrows a process for a program until the Scope closes. Fails with `TooBusy` where a limit is reached: see `Admission`. */
  readonly lease: (
    target: ServerTarget,
    borrower: {
      readonly program: string
      /** One that is there already, without a lease, is another host's, and ends first. */
      readonly isFresh: boolean
    }
  ) => Effect.Effect<PooledServer, PoolError<ServerFailure> | Loss, Scope.Scope>
  /** Whether a process of this key is there, greeted, and given to others. */
  readonly isReady: (target: ServerTarget) => boolean
  /** Whether there is a process that legacy hosts share, or that is being started for them, in which others of that era have a part. */
  readonly isSharedByLegacy: (target: ServerTarget) => boolean
  /** The numbered places of servers that say `instances`. */
  readonly instances: Instances.Instances
  /** From now on nothing is lent. What is not in use ends at once, the rest when it is given back; returns when all has ended. */
  readonly drain: Effect.Effect<void>
  readonly status: Effect.Effect<ReadonlyArray<ServerStatus>>
  /** Whether processes are kept for their tasks. */
  readonly hasTasks: () => boolean
  /** What keeps the processes of a name apart, or those of the name that the process of a number has. */
  readonly explain: (word: string) => Explanation
  /** The name of the server that a word means. */
  readonly nameOf: (word: string) => string
  /** Processes that could not be started or were lost, the newest last. */
  readonly failures: () => ReadonlyArray<FailureStatus>
  /**
   * Does something about the servers that a word means: those of a name, or one by the number of its process. Succeeds with the number of
   * what it was done to.
   *
   * - `reset`: forgets their failures and what they have refused; the next try is made at once.
   * - `drain`: their processes are given to no other session. Sessions that share one leave it between two requests, and the next one is
   *   started when it has ended; one that is a host's alone ends when that leaves.
   * - `close`: they end now. Their sessions go on with others.
   */
  readonly operate: (operation: Operation, word: string) => Effect.Effect<number>
}

/** The limits of the pool, and where it tells what has happened. */
export interface ServerPoolOptions extends Pick<Admission.AdmissionOptions, "availableMemory" | "limits"> {
  /** Of a command, for the list of servers that are to be shared. */
  readonly digestOf: (server: ServerCommand) => string | undefined
  readonly journal: Journal
  /** Told when `hasTasks` may have changed. Default: that is not told. */
  readonly onTasks?: (() => void) | undefined
}

/** What can be done to the servers that a word means: see `ServerPool.operate`. */
export type Operation = "reset" | "drain" | "close"

/** How long a process is kept that has refused one question, for the other. */
const parkingTime = "10 seconds"

/** How often servers are asked after tasks. */
const taskInterval = "10 seconds"

/** How long a server may be away that has tasks. */
const orphanMillis = 3_600_000

/** More are looked through for some that can be forgotten. */
const mostTargets = 1000

/** So many are told of. */
const mostFailures = 50

/** So many are remembered: a forgotten one costs one more start. */
const mostRefusals = 1000

/** Makes a pool without a process. When the Scope closes every process has ended. */
export const make = Effect.fnUntraced(function*(
  { availableMemory, digestOf, journal, limits, onTasks = ignore }: ServerPoolOptions
): Effect.fn.Return<ServerPool, never, Scope.Scope> {
  const clock = yield* Clock.Clock
  const servers = new Set<PooledServer>()
  /** What is served by a process, or is being started. */
  const present = new Set<ServerTarget>()
  /** By instance: the process that has its number, or is to have it. */
  const claims = new Map<string, Claim>()
  /** By fingerprint: what the pool knows by a name only. */
  const targets = new Map<string, ServerTarget>()
  const failures: Array<FailureStatus> = []
  const note = ({ wanted }: ServerTarget, { message }: ServerFailure): void => {
    failures.push({ server: wanted.name, at: clock.currentTimeMillisUnsafe(), message })
    if (failures.length > mostFailures) failures.shift()
  }
  /** By process: those that wait for the other question. */
  const parked = new Map<string, ServerProcess.ServerProcess>()
  /** By process: those that have not answered the modern question yet. */
  const asking = new Map<string, Asking>()
  /** By process and era: what was answered to its question. */
  const refusals = new Map<string, RawMessage.RawMessage>()
  const remember = (memory: string, refusal: RawMessage.RawMessage): void => {
    const [oldest] = refusals.keys()
    if (oldest !== undefined && refusals.size >= mostRefusals) refusals.delete(oldest)
    refusals.set(memory, refusal)
  }
  /** Processes whose ends have been told of, or are to be. */
  const told = new Set<number>()
  const fork = yield* FiberSet.makeRuntime<never, void, never>()
  /** By fingerprint: tasks of processes that were lost, for the next one. */
  const orphans = new Map<string, { readonly ids: ReadonlyArray<string>; readonly since: number }>()
  /** Fingerprints that are kept for their tasks. */
  const keepers = new Set<string>()
  const keep = (target: ServerTarget): void => {
    const { fingerprint, policy } = target
    if (keepers.has(fingerprint) || !policy.reuse) return
    keepers.add(fingerprint)
    onTasks()
    const ask = Effect.sync(() => {
      for (const server of servers) {
        if (server.target.fingerprint !== fingerprint) continue
        const meta = server.greeting === undefined ? modernMeta : undefined
        for (const id of server.tasks.ids()) server.mux.askAfter(id, meta)
      }
    })
    const isNeeded = (): boolean =>
      clock.currentTimeMillisUnsafe() - (orphans.get(fingerprint)?.since ?? Number.NEGATIVE_INFINITY) < orphanMillis ||
      [...servers].some((server) => server.target.fingerprint === fingerprint && server.tasks.size > 0)
    const kept = Effect.andThen(
      pool.warm(target),
      Effect.repeat(Effect.andThen(Effect.sleep(taskInterval), ask), {
        schedule: Schedule.forever,
        while: isNeeded
      })
    )
    fork(Effect.ensuring(
      Effect.scoped(kept),
      Effect.sync(() => {
        keepers.delete(fingerprint)
        orphans.delete(fingerprint)
        onTasks()
      })
    ))
  }
  /** What is known of servers whose last process was lost: the next one is a restart. */
  const lostBefore = new Set<string>()
  const start = (target: ServerTarget): Effect.Effect<ServerProcess.ServerProcess, ServerFailure> => {
    const { wanted } = target
    return ServerProcess.start(wanted, {
      onStderrLine: (pid, line) => journal.wrote(wanted.name, pid, line),
      onEnded: (pid) => {
        if (!told.delete(pid)) journal.tell({ event: "ended", server: wanted.name, pid })
      }
    }).pipe(
      Effect.mapError((error) => unstarted(target, error)),
      Effect.tap(({ pid }) =>
        Effect.sync(() => {
          const event = lostBefore.delete(target.process) ? "restarted" : "started"
          journal.tell({ event, server: wanted.name, pid })
        })
      )
    )
  }
  yield* Effect.addFinalizer(() =>
    Effect.forEach([...parked.values()], ({ end }) => end, { concurrency: "unbounded", discard: true })
  )
  const scope = yield* Effect.scope
  const park = (target: ServerTarget, process: ServerProcess.ServerProcess): Effect.Effect<void> =>
    Effect.suspend(() => {
      const other = parked.get(target.process)
      parked.set(target.process, process)
      const expire = Effect.suspend(() => {
        if (parked.get(target.process) !== process) return Effect.void
        parked.delete(target.process)
        return process.end
      })
      return Effect.andThen(
        other === undefined ? Effect.void : other.end,
        Effect.asVoid(Effect.forkIn(Effect.andThen(Effect.sleep(parkingTime), expire), scope))
      )
    })
  const take = (target: ServerTarget) =>
    Effect.suspend(() => {
      const asked = asking.get(target.process)
      if (asked !== undefined && target.initialize !== undefined) {
        asking.delete(target.process)
        asked.isTaken = true
        // Another client that asks the same is not to start another process for it.
        remember(memoryOf(target, "modern"), silence)
        Deferred.doneUnsafe(asked.taken, Effect.fail(refused(target, silence)))
        // It may still be starting.
        return Deferred.await(asked.process)
      }
      const process = parked.get(target.process)
      parked.delete(target.process)
      return process === undefined ? start(target) : Effect.succeed(process)
    })

  /** Waits for the end of the process that has the number, which ends because it is wanted. */
  const claim = (instance: string): Effect.Effect<Claim, never, Scope.Scope> =>
    Effect.suspend(() => {
      const before = claims.get(instance)
      const ended = Deferred.makeUnsafe<void>()
      const wait = before === undefined
        ? Effect.void
        : Effect.andThen(Deferred.succeed(before.isWanted, undefined), before.isOver)
      let hasWaited = false
      // One that gives up while it waits does not let the next one pass.
      const mine: Claim = { isWanted: Deferred.makeUnsafe(), isOver: Effect.andThen(Deferred.await(ended), wait) }
      claims.set(instance, mine)
      const end = Effect.suspend(() => {
        if (hasWaited && claims.get(instance) === mine) claims.delete(instance)
        return Deferred.succeed(ended, undefined)
      })
      return Effect.addFinalizer(() => end).pipe(
        Effect.andThen(wait),
        Effect.map(() => {
          hasWaited = true
          return mine
        })
      )
    })

  const dial = Effect.fnUntraced(function*(target: ServerTarget, attempt: Attempt) {
    const claimed = target.wanted.instance === undefined ? undefined : yield* claim(target.wanted.instance)
    /** By another host, for its number. */
    const wanted = claimed === undefined ? Effect.never : Deferred.await(claimed.isWanted)
    const { initialize } = target
    yield* Effect.acquireRelease(
      Effect.sync(() => present.add(target)),
      () => Effect.sync(() => present.delete(target))
    )
    const memory = memoryOf(target, initialize === undefined ? "modern" : "legacy")
    const known = refusals.get(memory)
    if (known !== undefined) return yield* Effect.fail(refused(target, known))
    let isParked = false
    let asked: Asking | undefined
    if (initialize === undefined) {
      const mine: Asking = asked = { process: Deferred.makeUnsafe(), taken: Deferred.makeUnsafe(), isTaken: false }
      asking.set(target.process, mine)
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => asking.get(target.process) === mine && asking.delete(target.process))
      )
    }
    let isEnding = false
    const process = yield* Effect.acquireRelease(
      Effect.onExit(take(target), (exit) => asked === undefined ? Effect.void : Deferred.done(asked.process, exit)),
      (process) =>
        Effect.suspend(() => {
          isEnding = true
          return isParked || asked?.isTaken === true ? Effect.void : process.end
        })
    )
    attempt.started(process)
    const answer = greet(target, process, initialize ?? discover, () => {
      // It is told of as a failure.
      if (!isEnding) told.add(process.pid)
    })
    // One that was taken while it started is asked nothing here.
    const unclaimed = Effect.raceFirst(answer, Effect.andThen(wanted, Effect.fail(displaced(target))))
    const settled = asked === undefined ? unclaimed : asked.isTaken
      ? Deferred.await(asked.taken)
      : Effect.raceFirst(unclaimed, Deferred.await(asked.taken))
    const greeting = yield* settled.pipe(
      Effect.tapError(({ refusal }) => {
        // What was taken for a refusal was not the server's own word.
        const isLegacy = initialize !== undefined
        if (isLegacy && refusals.get(memoryOf(target, "modern")) === silence) {
          refusals.delete(memoryOf(target, "modern"))
        }
        if (refusal === undefined || !isOfEra(refusal) || asked?.isTaken === true) return Effect.void
        remember(memory, refusal)
        isParked = true
        return park(target, process)
      })
    )
    attempt.greeted()
    // From here on it is a server of the modern era.
    if (asked !== undefined && asking.get(target.process) === asked) asking.delete(target.process)
    let lost: ServerFailure | undefined
    let idleSince = clock.currentTimeMillisUnsafe()
    const holders = new Set<SessionStatus>()
    let isUnused = true
    let isRetired = false
    const retired = Deferred.makeUnsafe<void>()
    const retirements = new Set<() => void>()
    const retire = (): void => {
      if (isRetired) return
      isRetired = true
      Deferred.doneUnsafe(retired, Effect.void)
      for (const tell of [...retirements]) tell()
    }
    const tasks = new OpenTasks({ now: () => clock.currentTimeMillisUnsafe(), onFirst: () => keep(target) })
    const mux = new ServerMux({ toServer: process.send, isShared: target.isShared, tasks })
    const losses = new Set<(loss: Loss) => void>()
    const server: PooledServer = {
      target,
      pid: process.pid,
      startedAt: idleSince,
      holders,
      isUnused: () => isUnused,
      hold: (session) => {
        isUnused = false
        holders.add(session)
        journal.tell({ event: "leased", server: target.wanted.name, pid: process.pid, by: session })
      },
      leave: (session) => {
        if (holders.delete(session)) {
          journal.tell({ event: "returned", server: target.wanted.name, pid: process.pid, by: session })
        }
        idleSince = clock.currentTimeMillisUnsafe()
      },
      idleSince: () => idleSince,
      greeting: initialize === undefined ? undefined : greeting,
      mux,
      tasks,
      lost: () => lost,
      losses,
      closed: Effect.map(process.closed, (closed) => lost ?? lossOf(target, closed)),
      retire,
      isRetired: () => isRetired,
      retirements,
      end: Effect.suspend(() => {
        retire()
        isEnding = true
        return process.end
      })
    }
    process.onLine = (line) => void mux.serverSaid(line)
    tasks.adopt(orphans.get(target.fingerprint)?.ids ?? [])
    orphans.delete(target.fingerprint)
    yield* Effect.acquireRelease(
      Effect.sync(() => servers.add(server)),
      () => Effect.sync(() => servers.delete(server))
    )
    process.onClosed((closed) => {
      const failure = lost = lossOf(target, closed)
      if (tasks.size > 0 && !isEnding) {
        orphans.set(target.fingerprint, { ids: tasks.ids(), since: clock.currentTimeMillisUnsafe() })
      }
      if (!isEnding) {
        note(target, failure)
        lose(target, process.pid, failure, server.startedAt)
      }
      for (const tell of [...losses]) tell(failure)
    })
    return {
      value: server,
      closed: server.closed,
      retired: () => Effect.raceFirst(Deferred.await(retired), Effect.andThen(wanted, Effect.sync(retire)))
    }
  })

  /** It was ready. `since`: milliseconds since 1970. */
  const lose = (target: ServerTarget, pid: number, failure: ServerFailure, since: number): void => {
    const server = target.wanted.name
    const { message, reason } = failure
    const millis = clock.currentTimeMillisUnsafe() - since
    told.add(pid)
    lostBefore.add(target.process)
    if (lostBefore.size > mostTargets) lostBefore.clear()
    journal.tell({ event: "lost", server, pid, reason, message, ...exitIn(failure) })
    journal.tried(server, {
      at: since,
      pid,
      era: eraOf(target),
      outcome: "lost",
      steps: [{ step: "life", millis }],
      failedStep: "life",
      reason,
      message,
      ...exitIn(failure),
      ...stderrIn(failure)
    })
  }
  /** Of a process that is to be: tells the journal what becomes of it. */
  const attemptOf = (target: ServerTarget): Attempt => {
    const { initialize, policy, wanted: { name } } = target
    const at = clock.currentTimeMillisUnsafe()
    let since = clock.monotonicTimeNanosUnsafe()
    const steps: Array<Step> = []
    let process: ServerProcess.ServerProcess | undefined
    let isOver = false
    const step = (name: StepName, what?: string): void => {
      const now = clock.monotonicTimeNanosUnsafe()
      steps.push({ step: name, ...(what !== undefined && { what }), millis: Number(now - since) / 1e6 })
      since = now
    }
    const endStep = (): StepName => {
      const failedStep = process === undefined ? "spawn" : "handshake"
      step(failedStep, process === undefined ? undefined : initialize === undefined ? "server/discover" : "initialize")
      return failedStep
    }
    const tried = (outcome: Try["outcome"], more: Partial<Try> = {}): void => {
      isOver = true
      journal.tried(name, { at, pid: process?.pid, era: eraOf(target), outcome, steps, ...more })
    }
    return {
      started: (started) => {
        process = started
        step("spawn")
      },
      greeted: () => {
        endStep()
        tried("ready")
        const millis = steps.reduce((total, each) => total + each.millis, 0)
        journal.tell({ event: "ready", server: name, pid: process?.pid ?? 0, era: eraOf(target), millis })
      },
      failed: (failure) => {
        if (isOver) return
        const failedStep = endStep()
        const { message, reason, refusal } = failure
        const { code } = RawMessage.membersOf(refusal?.value["error"])
        const said = { reason, message, ...(typeof code === "number" && { code }) }
        if (refusal !== undefined && isOfEra(refusal)) {
          // A refusal that is remembered was told of when the server said it.
          if (process !== undefined) tried("other era", said)
          return
        }
        const stderr = stderrIn(failure, process?.stderrTail())
        const pid = process?.pid
        tried("failed", { failedStep, ...said, ...exitIn(failure), ...stderr })
        journal.tell({ event: "failed", server: name, pid, step: failedStep, reason, message, ...exitIn(failure) })
      },
      interrupted: () => {
        const waited = clock.currentTimeMillisUnsafe() - at
        // Else it was not wanted any more.
        if (isOver || waited < policy.connectTimeout) return
        const failedStep = endStep()
        const reason = "HandshakeTimeout"
        const message = `${name}: no handshake in ${Math.round(waited / 1000)} s`
        const pid = process?.pid
        tried("failed", { failedStep, reason, message, ...stderrIn(undefined, process?.stderrTail()) })
        journal.tell({ event: "failed", server: name, pid, step: failedStep, reason, message })
      }
    }
  }

  const pool: ConnectionPool.ConnectionPool<ServerTarget, PooledServer, ServerFailure> = yield* Effect.orDie(
    ConnectionPool.make<ServerTarget, PooledServer, ServerFailure>({
      fingerprint: ({ fingerprint }) => fingerprint,
      label: ({ wanted }) => wanted.name,
      dial: (target) => {
        const attempt = attemptOf(target)
        return dial(target, attempt).pipe(
          Effect.tapError((failure) =>
            Effect.sync(() => {
              // That a server is asked in the other era next is no failure.
              if (failure.refusal === undefined || !isOfEra(failure.refusal)) note(target, failure)
              attempt.failed(failure)
            })
          ),
          Effect.onInterrupt(() => Effect.sync(attempt.interrupted))
        )
      },
      classify: ({ treatment }) => treatment,
      exclusiveResource: () => true
    }, { policy: { maxConnections: limits.processes }, policyFor: ({ policy }) => policy })
  )
  const { admit } = Admission.make({ limits, availableMemory, servers: () => servers })
  const nameOf = (word: string): string =>
    [...servers].find(({ pid }) => String(pid) === word)?.target.wanted.name ?? word
  /** What the pool knows no more is not needed here either. */
  const forget = Effect.map(pool.snapshot, ({ keys }) => {
    const known = new Set(keys.map(({ fingerprint }) => fingerprint))
    for (const fingerprint of targets.keys()) if (!known.has(fingerprint)) targets.delete(fingerprint)
  })
  return {
    isReady: ({ fingerprint }) =>
      [...servers].some(({ isRetired, lost, target }) =>
        target.fingerprint === fingerprint && !isRetired() && lost() === undefined
      ),
    isSharedByLegacy: ({ process }) =>
      [...present].some((each) => each.process === process && each.initialize !== undefined && each.isShared),
    instances: Instances.make(),
    lease: (target, { isFresh, program }) =>
      Effect.suspend(() => {
        targets.set(target.fingerprint, target)
        const lease = admit(target, program, pool.lease(target))
        const fresh = isFresh ? Effect.andThen(pool.invalidate(target), lease) : lease
        return targets.size > mostTargets ? Effect.andThen(forget, fresh) : fresh
      }),
    drain: Effect.suspend(() => {
      for (const { retire } of servers) retire()
      return pool.drain("Infinity")
    }),
    status: Effect.map(pool.snapshot, ({ keys }) =>
      keys.flatMap((key) => {
        const target = targets.get(key.fingerprint)
        const now = clock.currentTimeMillisUnsafe()
        return target === undefined ? [] : statusOf(target, key, servers, digestOf, now)
      })),
    hasTasks: () => keepers.size > 0,
    failures: () => failures,
    nameOf,
    explain: (word) => {
      const name = nameOf(word)
      // The pool may know a key without any process: it explains nothing.
      const live = [...servers].filter(({ target }) => target.wanted.name === name)
      const [first] = live
      const keys = new Map(live.map(({ target }) => [target.fingerprint, target]))
      return {
        failures: failures.filter(({ server }) => server === name),
        keys: [...keys.values()].map((target) => {
          const own = live.filter((server) => server.target.fingerprint === target.fingerprint)
          return {
            ...kindOf(target),
            pids: own.map(({ pid }) => pid),
            leases: own.flatMap(({ holders }) => [...holders]),
            differs: first === undefined ? [] : differences(first.target, target)
          }
        })
      }
    },
    operate: (operation, word) =>
      Effect.suspend(() => {
        const meant = [...servers].filter(({ pid, target }) => String(pid) === word || target.wanted.name === word)
        if (operation !== "reset") {
          for (const { retire } of meant) retire()
          const ends = operation === "drain" ? [] : meant.map(({ end }) => end)
          return Effect.as(Effect.all(ends, { concurrency: "unbounded", discard: true }), meant.length)
        }
        const known = [...targets.values()].filter((target) =>
          target.wanted.name === word || meant.some((server) => server.target === target)
        )
        for (const target of known) {
          for (const era of ["legacy", "modern"] as const) refusals.delete(memoryOf(target, era))
        }
        return Effect.as(Effect.forEach(known, (target) => pool.reset(target), { discard: true }), known.length)
      })
  }
})

/** The processes of a key, and those that it is to have. */
const statusOf = (
  target: ServerTarget,
  { fingerprint, lastFailure, slots, waiting }: KeySnapshot,
  servers: ReadonlySet<PooledServer>,
  digestOf: (wanted: ServerTarget["wanted"]) => string | undefined,
  now: number
): ReadonlyArray<ServerStatus> => {
  const { wanted } = target
  const common = {
    ...kindOf(target),
    name: wanted.name,
    origin: wanted.origin,
    command: [wanted.command, ...wanted.args].join(" "),
    directory: wanted.cwd,
    likeness: target.process.slice(0, 12),
    instance: wanted.instance === undefined ? undefined : Number(wanted.instance.split(" ").at(-1)),
    digest: digestOf(wanted),
    lastFailure
  }
  const live = [...servers].filter((server) => server.target.fingerprint === fingerprint).map((server) => ({
    ...common,
    state: server.isRetired() ? "leaving" : server.holders.size > 0 ? "in use" : "idle",
    pid: server.pid,
    startedAt: server.startedAt,
    ageMillis: now - server.startedAt,
    leases: [...server.holders],
    inFlight: server.mux.inFlight,
    tasks: server.tasks.size === 0 ? undefined : server.tasks.size,
    waiting: 0,
    retryInMillis: undefined
  } as const))
  const others = slots.flatMap(({ retryInMillis, state }) => {
    const word = states[state]
    return word === undefined
      ? []
      : [{ ...common, state: word, pid: undefined, startedAt: undefined, leases: [], waiting: 0, retryInMillis }]
  })
  // Those that are to come first: sessions wait for one of them.
  const [first, ...rest] = [...others, ...live]
  return first === undefined ? [] : [{ ...first, waiting }, ...rest]
}

const eraOf = ({ initialize }: ServerTarget): Era => initialize === undefined ? "modern" : "legacy"

/** As the contract has it. */
const exitIn = ({ end }: ServerFailure): Pick<Try, "exitCode" | "signal"> => ({
  ...(end !== undefined && end.code !== null && { exitCode: end.code }),
  ...(end !== undefined && end.signal !== null && { signal: end.signal })
})

const stderrIn = (failure: ServerFailure | undefined, tail = ""): Pick<Try, "stderr"> => {
  const stderr = failure?.end?.stderrTail ?? tail
  return stderr === "" ? {} : { stderr }
}

/** Is told how a try goes on. */
interface Attempt {
  readonly started: (process: ServerProcess.ServerProcess) => void
  readonly greeted: () => void
  readonly failed: (failure: ServerFailure) => void
  readonly interrupted: () => void
}

const kindOf = (target: ServerTarget) => ({
  key: target.fingerprint.slice(0, 12),
  era: eraOf(target),
  sharing: target.isShared ? "shared" : "exclusive"
} as const)

/** Of slots without a process. */
const states: Readonly<Record<string, "starting" | "backing off" | "quarantined">> = {
  Connecting: "starting",
  Backoff: "backing off",
  Quarantined: "quarantined"
}

/** A process that has been asked the modern question. A client that says `initialize` instead of waiting for the answer takes it. */
interface Asking {
  readonly process: Deferred.Deferred<ServerProcess.ServerProcess, ServerFailure>
  readonly taken: Deferred.Deferred<never, ServerFailure>
  isTaken: boolean
}

/** Of a process on the number of an instance. */
interface Claim {
  /** Another one is to have it. */
  readonly isWanted: Deferred.Deferred<void>
  /** The process has ended, and those before it. */
  readonly isOver: Effect.Effect<void>
}

const memoryOf = ({ process }: ServerTarget, era: "legacy" | "modern"): string => `${process} ${era}`

const unstarted = (
  { wanted: { name } }: ServerTarget,
  { message, reason, retryable }: ProcessError
): ServerFailure => ({
  reason: reason._tag,
  message: `${name}: ${message}`,
  treatment: retryable ? "retryable" : "permanent"
})

const greet = (
  target: ServerTarget,
  process: ServerProcess.ServerProcess,
  question: RawMessage.RawMessage,
  onExit: () => void
): Effect.Effect<RawMessage.RawMessage, ServerFailure> =>
  Effect.callback((resume) => {
    const greeter = new Greeter({
      question,
      toServer: (text) => process.send(text, ignore),
      onGreeted: (greeting) => resume(Effect.succeed(greeting)),
      onRefused: (refusal) => resume(Effect.fail(refused(target, refusal)))
    })
    process.onLine = (line) => greeter.serverSaid(line)
    process.onClosed((closed) => {
      onExit()
      resume(Effect.fail(exitOf(target, closed, process.stderrTail())))
    })
    greeter.begin()
  })

const exitOf = (
  { wanted: { args, command, name } }: ServerTarget,
  closed: LinkClosed,
  stderrTail: string
): ServerFailure => {
  const message = closed._tag === "ProcessEnded"
    ? new ServerExited({ server: name, command: [command, ...args].join(" "), end: closed.end }).message
    : `${name}: ${wordsOf(closed)} before it was ready${stderrTail === "" ? "" : ` (stderr: ${stderrTail.trim()})`}`
  const end = closed._tag === "ProcessEnded" ? closed.end : undefined
  return { reason: "ServerExited", message, treatment: "retryable", end }
}

const lossOf = ({ wanted: { name } }: ServerTarget, closed: LinkClosed): ServerFailure => {
  const end = closed._tag === "ProcessEnded" ? { end: closed.end } : {}
  const { message } = new ConnectionLost({ server: name, delivery: "NotSent", description: wordsOf(closed), ...end })
  return { reason: "ConnectionLost", message, treatment: "retryable", ...end }
}

const wordsOf = (closed: LinkClosed): string =>
  "description" in closed ? closed.description : "the server's process ended"

const displaced = ({ wanted: { name } }: ServerTarget): ServerFailure => ({
  reason: "ConnectionLost",
  message: `${name}: its number was given to another host before it had answered`,
  treatment: "unavailable"
})

const refused = ({ wanted: { name } }: ServerTarget, refusal: RawMessage.RawMessage): ServerFailure => {
  const { code, message } = RawMessage.membersOf(refusal.value["error"])
  return {
    reason: "HandshakeFailed",
    message: `${name}: ${String(message)} (code ${String(code)})`,
    treatment: "permanent",
    refusal
  }
}

/** Its id is no number: an answer that comes late, after `initialize` was said to the same process, belongs to no request. */
const discover = RawMessage.own(JSON.stringify({
  jsonrpc: "2.0",
  id: "discover",
  method: "server/discover",
  params: {
    _meta: {
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientInfo": { name: "holdfast", version: "0" },
      "io.modelcontextprotocol/clientCapabilities": {}
    }
  }
}))

/** The same of a request that is about tasks. */
const modernMeta = {
  "io.modelcontextprotocol/protocolVersion": "2026-07-28",
  "io.modelcontextprotocol/clientInfo": { name: "holdfast", version: "0" },
  "io.modelcontextprotocol/clientCapabilities": { extensions: { "io.modelcontextprotocol/tasks": {} } }
}

/** What is told of a server that has not answered the modern question when its client went on to the legacy one. */
export const silence = RawMessage.own(JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  error: { code: -32601, message: "the server does not answer server/discover" }
}))

const ignore = (): void => {}
