/**
 * What the page knows, and one drawing a frame of it, however much comes in between.
 *
 * Everything that changes is in here: parts of the page read `state` and call what is beside it.
 */
import { applied, bounded } from "../src/Changes.ts"
import type { Action, Change, LogLine, Snapshot, Why } from "../src/DashboardContract.ts"
import * as Api from "./Api.ts"
import { coalesced } from "./Frames.ts"
import type { SentEvent } from "./ServerSentEvents.ts"

/** Whether the page hears of its host. */
export type Connection =
  | { readonly is: "opening" }
  | { readonly is: "open" }
  | { readonly is: "lost" }
  | { readonly is: "refused"; readonly message: string }

/** What a log shows. */
export interface LogState {
  readonly of: string
  readonly lines: ReadonlyArray<LogLine>
  readonly problem?: string | undefined
}

/** All that is drawn. */
export interface State {
  readonly connection: Connection
  /** Undefined: nothing was heard yet. */
  readonly snapshot: Snapshot | undefined
  readonly filter: string
  readonly onlyBad: boolean
  /** An action that waits for its second word. */
  readonly asking: { readonly action: Action; readonly title: string } | undefined
  /** What the last action has done, or why not. */
  readonly said: { readonly message: string; readonly isBad: boolean } | undefined
  readonly why:
    | { readonly of: string; readonly answer?: Why | undefined; readonly problem?: string | undefined }
    | undefined
  readonly log: LogState | undefined
}

/** Lines of a log that are kept. */
const mostLines = 5000

let state: State = {
  connection: { is: "opening" },
  snapshot: undefined,
  filter: "",
  onlyBad: false,
  asking: undefined,
  said: undefined,
  why: undefined,
  log: undefined
}

let draw = (): void => {}

/** What is drawn now. */
export const current = (): State => state

/** `render` draws `current()`. Returns what asks for a drawing: of the state it is asked for by itself. */
export const onFrame = (render: () => void): () => void => {
  draw = coalesced((next) => requestAnimationFrame(next), render)
  return draw
}

const set = (next: Partial<State>): void => {
  state = { ...state, ...next }
  draw()
}

/** Changes of a host come as events of its stream. */
const heard = ({ data, name }: SentEvent): void => {
  if (name === "state") {
    const snapshot: Snapshot = JSON.parse(data)
    set({ snapshot: bounded(snapshot), connection: { is: "open" } })
  } else if (name === "change" && state.snapshot !== undefined) {
    const change: Change = JSON.parse(data)
    set({ snapshot: applied(state.snapshot, change), connection: { is: "open" } })
  }
}

const lost = (reason: unknown): void =>
  set({
    connection: reason instanceof Api.Refused && reason.status === 401
      ? { is: "refused", message: reason.message }
      : { is: "lost" }
  })

/** Lets the page in, and follows its host for as long as the page is there. */
export const start = async (): Promise<void> => {
  try {
    await Api.enter()
  } catch (error) {
    return set({ connection: { is: "refused", message: error instanceof Error ? error.message : String(error) } })
  }
  await Api.live(new AbortController().signal, heard, lost)
}

/** Of lists, only what has these words in it. */
export const filterBy = (filter: string): void => set({ filter })

/** Of the time line, only what has gone wrong. */
export const showOnlyBad = (onlyBad: boolean): void => set({ onlyBad })

/** Actions that end something, or do it once more, are done when they are confirmed. */
const isEnding = ({ action }: Action): boolean => action !== "reset"

/** Does it, or asks once more first. */
export const wanted = (action: Action, title: string): void => {
  if (isEnding(action)) set({ asking: { action, title } })
  else void confirmed(action)
}

/** What was asked for is not wanted. */
export const unwanted = (): void => set({ asking: undefined })

/** Does it. */
export const confirmed = async (action: Action): Promise<void> => {
  set({ asking: undefined })
  try {
    const { message } = await Api.act(action)
    set({ said: { message, isBad: false } })
  } catch (error) {
    set({ said: { message: error instanceof Error ? error.message : String(error), isBad: true } })
  }
}

/** What was said is read. */
export const dismissed = (): void => set({ said: undefined })

let explaining = new AbortController()

/** Shows why. Undefined: no more. */
export const explain = async (of: string | undefined): Promise<void> => {
  explaining.abort()
  explaining = new AbortController()
  const { signal } = explaining
  if (of === undefined) return set({ why: undefined })
  set({ why: { of } })
  try {
    const answer = await Api.why(of, signal)
    if (!signal.aborted) set({ why: { of, answer } })
  } catch (error) {
    if (!signal.aborted) set({ why: { of, problem: error instanceof Error ? error.message : String(error) } })
  }
}

let logging = new AbortController()

/** Follows a log. Undefined: none. */
export const followLog = (of: string | undefined): void => {
  logging.abort()
  logging = new AbortController()
  const { signal } = logging
  if (of === undefined) return set({ log: undefined })
  set({ log: { of, lines: [] } })
  const put = (next: Partial<LogState>): void => {
    if (!signal.aborted && state.log !== undefined) set({ log: { ...state.log, ...next } })
  }
  void Api.log(of, signal, {
    onBegin: () => put({ lines: [], problem: undefined }),
    onLines: (lines) => put({ lines: [...(state.log?.lines ?? []), ...lines].slice(-mostLines), problem: undefined }),
    onProblem: (problem) => put({ problem })
  })
}
