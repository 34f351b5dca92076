/**
 * A server, as the page of its operators shows it: sessions, streams, refusals, jobs, the last hour. No ids of sessions, no tokens.
 *
 * While no page is open nothing is read but the samples. While there are some, jobs are read once a second for all of them, one look after another.
 */
import type { Action, Head, JobRow, SessionRow, Snapshot } from "@holdfast/dashboard/DashboardContract"
import { DashboardRefusal, type DashboardSource } from "@holdfast/dashboard/DashboardSource"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type AdminJob, AdminJobProblem, type AdminJobs } from "../../AdminJobs.ts"
import type { SessionTransport } from "../../Session.ts"
import type { Refusals, RegistrySnapshot, SessionRegistry, SessionSummary } from "../../SessionRegistry.ts"
import { randomId } from "../nodeCrypto.ts"
import { charts } from "./serverSamples.ts"

/** Of the store: a page of the newest. */
const mostJobs = 100
/** Of a job. Those before them are counted. */
const mostSteps = 50
const looksEvery = "1 second"
/** However much happens. */
const atMostEvery = "200 millis"
/** What answers later is in trouble, and must not hold up the rest. */
const jobsPatience = "5 seconds"
/** Pages that look in this time see the same. */
const sharedFor = "150 millis"

export interface ServerSourceOptions {
  readonly registry: SessionRegistry["Service"]
  readonly jobs: AdminJobs | undefined
  readonly samples: () => NonNullable<Snapshot["samples"]>
  /** Begins a drain, and does not wait for it. */
  readonly drain: Effect.Effect<void>
}

/** Makes the source of one server. */
export const make = Effect.fnUntraced(function*({ drain, jobs, registry, samples }: ServerSourceOptions) {
  const epoch = randomId()
  const sessionRow = remembering(({ session }: SessionSummary) => session, sessionRowOf)
  const jobRow = remembering(({ id }: AdminJob) => id, jobRowOf)

  let seenJobs: ReadonlyArray<JobRow> | undefined = jobs && []
  let trouble: string | undefined
  const [lookAtJobs, lookAgain] = yield* Effect.cachedInvalidateWithTTL(
    (jobs === undefined ? Effect.succeed([]) : jobs.list(mostJobs)).pipe(
      Effect.timeoutOrElse({
        duration: jobsPatience,
        orElse: () => Effect.fail(new AdminJobProblem({ message: "their store does not answer" }))
      }),
      Effect.match({
        onFailure: ({ message }) => void (trouble = `The jobs are those of before: ${message}`),
        onSuccess: (found) => {
          trouble = undefined
          if (jobs !== undefined) seenJobs = jobRow(found)
        }
      })
    ),
    looksEvery
  )

  const [snapshot, isOther] = yield* Effect.cachedInvalidateWithTTL(
    Effect.gen(function*() {
      yield* lookAtJobs
      const all = yield* registry.snapshot
      const streams = yield* registry.streams
      const refusals = yield* registry.refusals
      return {
        head: headOf(registry.policy.name, epoch, all, refusals, trouble),
        sessions: sessionRow(all.sessions),
        streams: streams.map(({ bufferedBytes, kind, openedAt, session, stream }) => ({
          id: `${session}.${stream}`,
          session: String(session),
          kind,
          openedAt,
          bufferedBytes
        })),
        ...(seenJobs === undefined ? {} : { jobs: seenJobs }),
        refused: refusals.last.map(({ at, message, number, reason }) => ({ seq: number, at, reason, message })),
        samples: samples()
      } satisfies Snapshot
    }),
    sharedFor
  )
  const news = Stream.merge(Stream.map(registry.events, () => undefined), Stream.tick(looksEvery)).pipe(
    // What has come meanwhile is one look.
    Stream.buffer({ capacity: 1, strategy: "sliding" }),
    Stream.mapEffect(() => Effect.andThen(Effect.sleep(atMostEvery), snapshot))
  )

  const act = ({ action, of, target = "" }: Action): Effect.Effect<string, DashboardRefusal> => {
    if (of === "host" && action === "drain") {
      return Effect.as(drain, "the server drains: it takes no new sessions, and what is in flight may finish")
    }
    if (of === "session" && action === "close") {
      return Effect.flatMap(registry.close(Number(target)), (wasThere) =>
        wasThere
          ? Effect.succeed(`session ${target} has ended`)
          : refuse(`there is no session ${target} any more`))
    }
    if (of === "job" && jobs !== undefined && (action === "cancel" || action === "again")) {
      return Effect.catch(jobs[action](target), ({ message }) => refuse(message))
    }
    return refuse("this cannot be done here; reload the page if the server was just updated")
  }

  return {
    snapshots: Stream.concat(Stream.fromEffect(snapshot), news),
    act: (action) =>
      act(action).pipe(
        Effect.tap((message) =>
          Effect.logInfo(`an operator has asked: ${action.action} ${action.of} ${action.target ?? ""}; ${message}`)
        ),
        // What was done is seen at once, or that it could not be.
        Effect.ensuring(Effect.andThen(lookAgain, isOther)),
        Effect.map((message) => ({ message }))
      )
  } satisfies DashboardSource
})

const refuse = (message: string) => Effect.fail(new DashboardRefusal({ message }))

/** Rows are the same objects as long as what they are made of is the same: what has not changed costs little. */
const remembering = <A extends object, Key, Row>(keyOf: (each: A) => Key, rowOf: (each: A) => Row) => {
  let known = new Map<Key, { readonly text: string; readonly row: Row }>()
  return (all: ReadonlyArray<A>): ReadonlyArray<Row> => {
    const next = new Map<Key, { readonly text: string; readonly row: Row }>()
    for (const each of all) {
      const row = rowOf(each)
      const text = JSON.stringify(row)
      const before = known.get(keyOf(each))
      next.set(keyOf(each), before?.text === text ? before : { text, row })
    }
    known = next
    return [...next.values()].map(({ row }) => row)
  }
}

const headOf = (
  name: string,
  epoch: string,
  { closed, isDraining, opened, requests, sweeps }: RegistrySnapshot,
  { byReason }: Refusals,
  trouble: string | undefined
): Head => ({
  kind: "server",
  title: name,
  state: isDraining ? "draining" : "live",
  ...(isDraining
    ? { message: "The server drains: it takes no new sessions, and ends when what is in flight has." }
    : trouble === undefined
    ? {}
    : { message: trouble }),
  epoch,
  facts: [
    { label: "Sessions opened", value: String(opened) },
    ...Object.entries(closed).filter(([, count]) => count > 0).map(([reason, count]) => ({
      label: `Ended: ${reason}`,
      value: String(count)
    })),
    { label: "Requests", value: String(requests) },
    ...Object.entries(byReason).map(([reason, count]) => ({ label: `Refused: ${reason}`, value: String(count) })),
    { label: "Sweeps", value: String(sweeps) }
  ],
  charts: [...charts],
  actions: isDraining ? [] : ["drain"],
  hasLogs: false,
  hasWhy: false
})

const transports: Readonly<Record<SessionTransport, string>> = {
  "streamable-http": "Streamable HTTP",
  sse: "HTTP+SSE",
  stdio: "stdio",
  stateless: "one request"
}

const sessionRowOf = (
  { bufferedBytes, client, inFlight, lastSeenAt, openedAt, openStreams, principal, session, state, transport }:
    SessionSummary
): SessionRow => ({
  id: String(session),
  client: client === undefined ? `#${session}` : `#${session} ${client}`,
  state,
  principal,
  transport: transports[transport],
  openedAt,
  lastSeenAt,
  streams: openStreams,
  inFlight,
  bufferedBytes,
  actions: state === "connecting" || state === "active" ? ["close"] : []
})

const moods = { queued: "off", running: "busy", succeeded: "good", failed: "bad", cancelled: "off" } as const

const jobRowOf = (job: AdminJob): JobRow => {
  const { attempts, createdAt, endedAt, failure, id, isCancelling, kind, message, principal, startedAt, state } = job
  const hidden = Math.max(0, job.steps.length - mostSteps)
  const hasEnded = state !== "queued" && state !== "running"
  return {
    id,
    kind,
    state: isCancelling ? "being cancelled" : state,
    mood: moods[state],
    principal,
    progress: { done: Math.floor(job.percent), total: 100, ...(message === undefined ? {} : { message }) },
    steps: [
      ...(hidden === 0 ? [] : [`${hidden} before`]),
      ...job.steps.slice(hidden)
    ].map((name) => ({ name, state: "done", mood: "good" })),
    createdAt,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(endedAt === undefined ? {} : { endedAt }),
    attempts,
    ...(failure === undefined ? {} : { error: failure }),
    actions: hasEnded ? ["again"] : isCancelling ? [] : ["cancel"]
  }
}
