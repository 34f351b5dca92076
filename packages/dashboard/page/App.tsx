/** The page as a whole. */
import { useEffect, useRef } from "preact/hooks"
import type { Head, Snapshot } from "../src/DashboardContract.ts"
import { ChartFigure } from "./Charts.tsx"
import { Calls, Failures, Jobs, RefusedList, Servers, Sessions, Streams, WaitingList } from "./Lists.tsx"
import { Buttons, Chip, consequenceOf, Section, verbOf } from "./Parts.tsx"
import * as Store from "./Store.ts"
import { VirtualTable } from "./VirtualTable.tsx"
import { clockOf, sizeOf } from "./Words.ts"

const connections = {
  opening: { mood: "busy", word: "connecting" },
  open: { mood: "good", word: "live" },
  lost: { mood: "bad", word: "disconnected" },
  refused: { mood: "bad", word: "not let in" }
} as const

const states = {
  live: { mood: "good", word: "live" },
  draining: { mood: "busy", word: "draining" },
  gone: { mood: "bad", word: "gone" }
} as const

/** What is to be said to everyone at once, and to a screen reader once. */
const noticeOf = ({ connection, snapshot }: Store.State): string | undefined => {
  if (connection.is === "refused") return connection.message
  if (connection.is === "lost") {
    const what = snapshot?.head.kind === "server" ? "The server" : "holdfast dashboard"
    return `${what} does not answer. The page shows what it last heard, and tries again. If it was ended, start it again: its new address opens a new page.`
  }
  return snapshot?.head.message
}

const Top = ({ state }: { readonly state: Store.State }) => {
  const { connection, snapshot } = state
  const head = snapshot?.head
  const { mood, word } = connection.is === "open" && head !== undefined
    ? states[head.state]
    : connections[connection.is]
  const notice = noticeOf(state)
  return (
    <header>
      <div class="title">
        <h1>{head?.title ?? "Holdfast"}</h1>
        <Chip mood={mood}>{word}</Chip>
        {head === undefined ? null : <p class="quiet">{aboutOf(head)}</p>}
        {head === undefined ? null : <Buttons actions={head.actions} name={head.title} of="host" />}
      </div>
      <div role="status" aria-live="polite">
        {notice === undefined ? null : <p class={`notice ${mood}`}>{notice}</p>}
      </div>
    </header>
  )
}

const aboutOf = ({ memory, pid, startedAt, version }: Head): string =>
  [
    version,
    pid === undefined ? undefined : `process ${pid}`,
    startedAt === undefined ? undefined : `since ${clockOf(startedAt)}`,
    memory === undefined ? undefined : sizeOf(memory)
  ].filter((part) => part !== undefined).join(" · ")

const titleOfSessions = ({ kind }: Head): string => kind === "daemon" ? "Programs" : "Sessions"

interface Part {
  readonly id: string
  readonly title: string
}

const partsOf = ({ calls, failures, head, jobs, refused, samples, servers, sessions, streams, waiting }: Snapshot) => {
  const parts: Array<Part> = []
  const add = (isThere: boolean, id: string, title: string) => {
    if (isThere) parts.push({ id, title })
  }
  add(servers !== undefined, "servers", "Servers")
  add(jobs !== undefined, "jobs", "Jobs")
  add(calls !== undefined, "calls", "Calls")
  add(sessions !== undefined, "sessions", titleOfSessions(head))
  add(streams !== undefined, "streams", "Streams")
  add(waiting !== undefined, "waiting", "Waiting")
  add(refused !== undefined, "refused", "Refused")
  add(failures !== undefined, "failures", "Failures")
  add(samples !== undefined, "charts", "Last hour")
  add(head.hasLogs, "log", "Log")
  return parts
}

const Menu = ({ filter, parts }: { readonly filter: string; readonly parts: ReadonlyArray<Part> }) => (
  <div class="menu">
    <nav aria-label="Parts of this page">
      <ul>
        {parts.map(({ id, title }) => (
          <li key={id}>
            <a href={`#${id}`} onClick={(event) => goTo(event, id)}>{title}</a>
          </li>
        ))}
      </ul>
    </nav>
    <search>
      <label class="filter">
        Filter
        <input
          type="search"
          value={filter}
          placeholder="words of a row"
          onInput={({ currentTarget }) => Store.filterBy(currentTarget.value)}
        />
      </label>
    </search>
  </div>
)

/** The address stays as it is: its end is for the token. */
const goTo = (event: Event, id: string): void => {
  event.preventDefault()
  const place = document.getElementById(id)
  place?.scrollIntoView()
  place?.focus({ preventScroll: true })
}

const Lists = ({ state }: { readonly state: Store.State & { readonly snapshot: Snapshot } }) => {
  const { filter, log, onlyBad, snapshot, why } = state
  const { calls, failures, head, jobs, refused, samples, servers, sessions, streams, waiting } = snapshot
  const running = servers?.filter(({ mood }) => mood === "good" || mood === "busy").length
  return (
    <>
      {servers === undefined ?
        null :
        (
          <Section id="servers" title="Servers" count={`${running} of ${servers.length} up`}>
            <Servers rows={servers} filter={filter} head={head} />
            <WhyPanel why={why} />
          </Section>
        )}
      {jobs === undefined ? null : (
        <Section id="jobs" title="Jobs" count={String(jobs.length)}>
          <Jobs rows={jobs} filter={filter} />
          {servers === undefined ? <WhyPanel why={why} /> : null}
        </Section>
      )}
      {calls === undefined ? null : (
        <Section id="calls" title="Calls" count={String(calls.length)}>
          <label class="only">
            <input
              type="checkbox"
              checked={onlyBad}
              onChange={({ currentTarget }) => Store.showOnlyBad(currentTarget.checked)}
            />{" "}
            Only those that have failed
          </label>
          <Calls rows={calls} filter={filter} onlyBad={onlyBad} />
        </Section>
      )}
      {sessions === undefined ?
        null :
        (
          <Section id="sessions" title={titleOfSessions(head)} count={String(sessions.length)}>
            <Sessions rows={sessions} filter={filter} kind={head.kind} />
          </Section>
        )}
      {streams === undefined ? null : (
        <Section id="streams" title="Streams" count={String(streams.length)}>
          <Streams rows={streams} filter={filter} />
        </Section>
      )}
      <div class="pair">
        {waiting === undefined ? null : (
          <Section id="waiting" title="Waiting" count={String(waiting.length)}>
            <WaitingList rows={waiting} filter={filter} />
          </Section>
        )}
        {refused === undefined ? null : (
          <Section id="refused" title="Refused" count={String(refused.length)}>
            <RefusedList rows={refused} filter={filter} />
          </Section>
        )}
      </div>
      {failures === undefined ? null : (
        <Section id="failures" title="Failures" count={String(failures.length)}>
          <Failures rows={failures} filter={filter} head={head} />
        </Section>
      )}
      {samples === undefined ? null : (
        <Section id="charts" title="Last hour">
          {samples.length < 2
            ? <p class="empty">The first lines are there half a minute after the start.</p>
            : (
              <div class="charts">
                {head.charts.map((chart) => <ChartFigure key={chart.title} chart={chart} samples={samples} />)}
              </div>
            )}
        </Section>
      )}
      {head.hasLogs
        ? <LogPanel log={log} names={[...new Set((servers ?? []).map(({ name }) => name))]} kind={head.kind} />
        : null}
      {head.facts.length === 0 ? null : (
        <Section id="facts" title="Facts">
          <dl class="facts">
            {head.facts.map(({ label, value }) => (
              <div key={label}>
                <dt>{label}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </Section>
      )}
    </>
  )
}

const WhyPanel = ({ why }: { readonly why: Store.State["why"] }) => {
  const panel = useRef<HTMLElement>(null)
  const of = why?.of
  useEffect(() => {
    if (of !== undefined) panel.current?.focus()
  }, [of])
  if (why === undefined) return null
  return (
    <section class="why" aria-label={`Why: ${why.of}`} ref={panel} tabIndex={-1}>
      <h3>
        {`Why: ${why.of}`}{" "}
        <button type="button" aria-label={`Close why: ${why.of}`} onClick={() => void Store.explain(undefined)}>
          Close
        </button>
      </h3>
      {why.problem === undefined ? null : <p class="notice bad">{why.problem}</p>}
      {why.answer === undefined && why.problem === undefined ? <p class="quiet">Asking…</p> : null}
      {why.answer?.parts.length === 0
        ? <p class="empty">Nothing is remembered of it. It was not used since the daemon runs.</p>
        : null}
      {why.answer?.parts.map(({ entries, title }) => (
        <div key={title}>
          <h4>{title}</h4>
          <ol class="entries">
            {entries.slice(-mostEntries).map(({ at, details, line, mood }, index) => (
              <li key={index}>
                <p>
                  {at === undefined ? null : <time>{clockOf(at)}</time>} <Chip mood={mood}>{line}</Chip>
                </p>
                {details.map((detail, index) => <pre key={index}>{detail}</pre>)}
              </li>
            ))}
          </ol>
        </div>
      ))}
    </section>
  )
}

/** More are told by `holdfast why`. */
const mostEntries = 10

const LogPanel = (
  { kind, log, names }: {
    readonly kind: Head["kind"]
    readonly log: Store.LogState | undefined
    readonly names: ReadonlyArray<string>
  }
) => (
  <Section id="log" title="Log">
    <label class="only">
      Of{" "}
      <select
        value={log?.of ?? "-"}
        onChange={({ currentTarget: { value } }) => Store.followLog(value === "-" ? undefined : value)}
      >
        <option value="-">choose one</option>
        <option value="">{`the ${kind} itself`}</option>
        {(log === undefined || log.of === "" || names.includes(log.of) ? names : [log.of, ...names]).slice(0, mostNames)
          .map((name) => <option key={name} value={name}>{name}</option>)}
      </select>
    </label>
    {log?.problem === undefined ? null : <p class="notice bad">{log.problem}</p>}
    {log === undefined ?
      <p class="empty">Choose a server: what it has written to stderr is shown, and followed.</p> :
      (
        <VirtualTable
          key={log.of}
          label={log.of === "" ? `Log of the ${kind}` : `Log of ${log.of}`}
          className="log"
          rows={log.lines.map((line, index) => ({ ...line, index }))}
          idOf={({ index }) => String(index)}
          columns={logColumns}
          height={{ wide: 22, narrow: 22 }}
          empty="It has written nothing yet. What comes is shown at once."
          followsEnd
        />
      )}
  </Section>
)

/** Options of a list that a person can look through. Others are found by the button of their row. */
const mostNames = 100

const logColumns = [
  {
    head: "Time",
    className: "time",
    cell: ({ at }: { readonly at?: number | undefined }) => at === undefined ? "" : clockOf(at)
  },
  { head: "Process", className: "number", cell: ({ pid }: { readonly pid?: number | undefined }) => pid ?? "" },
  { head: "Line", className: "text", cell: ({ line }: { readonly line: string }) => line }
] as const

/** Asks once more before something is ended. */
const Confirm = ({ asking }: { readonly asking: Store.State["asking"] }) => {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (asking !== undefined && dialog.current?.open === false) dialog.current.showModal()
    if (asking === undefined && dialog.current?.open === true) dialog.current.close()
  }, [asking])
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onClose={Store.unwanted}>
      <h2 id="confirm-title">{asking?.title ?? "Sure?"}</h2>
      <p>{asking === undefined ? "" : consequenceOf(asking.action)}</p>
      <div class="buttons">
        <button type="button" onClick={Store.unwanted}>Leave it</button>
        <button type="button" class="ends" onClick={() => asking !== undefined && void Store.confirmed(asking.action)}>
          {asking === undefined ? "" : verbOf(asking.action.action)}
        </button>
      </div>
    </dialog>
  )
}

const Said = ({ said }: { readonly said: Store.State["said"] }) => (
  <div role="status" aria-live="polite" class="said">
    {said === undefined ? null : (
      <p class={`notice ${said.isBad ? "bad" : "good"}`}>
        {said.message} <button type="button" aria-label="Dismiss this message" onClick={Store.dismissed}>OK</button>
      </p>
    )}
  </div>
)

export const App = ({ state }: { readonly state: Store.State }) => {
  const { snapshot } = state
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => goTo(event, "main")}>Skip to the lists</a>
      <Top state={state} />
      {snapshot === undefined ? null : <Menu filter={state.filter} parts={partsOf(snapshot)} />}
      <main id="main" tabIndex={-1}>
        {snapshot === undefined ? null : <Lists state={{ ...state, snapshot }} />}
      </main>
      <Said said={state.said} />
      <Confirm asking={state.asking} />
    </>
  )
}
