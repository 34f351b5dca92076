/** Small parts that lists have in common. */
import type { ComponentChildren } from "preact"
import type { Action, ActionName, Holder } from "../src/DashboardContract.ts"
import * as Store from "./Store.ts"

/** How something is. */
export type Mood = "good" | "busy" | "bad" | "off"

const signs: Readonly<Record<Mood, string>> = { good: "●", busy: "◐", bad: "▲", off: "○" }

/** A word with a sign, which colour only underlines. */
export const Chip = ({ children, mood }: { readonly children: string; readonly mood: Mood }) => (
  <span class={`chip ${mood}`} title={children}>
    <span aria-hidden="true">{signs[mood]}</span> {children}
  </span>
)

/** A text in one line, the whole of which is said by a pointer that rests on it. */
export const Line = ({ children }: { readonly children: string }) =>
  <span class="line" title={children}>{children}</span>

/** A program, with its process and where it works. */
export const holderOf = ({ directory, pid, program }: Holder): string => {
  const more = [pid, directory].filter((each) => each !== undefined)
  return more.length === 0 ? program : `${program} (${more.join(", ")})`
}

const verbs: Readonly<Record<ActionName, string>> = {
  reset: "Reset",
  drain: "Drain",
  close: "Close",
  cancel: "Cancel",
  again: "Run again"
}

/** What will happen, for the question before it does. */
const consequences: Readonly<Record<Action["of"], Partial<Record<ActionName, string>>>> = {
  host: { drain: "New clients are refused from now on. What is in flight may finish.", close: "It ends now." },
  server: {
    drain: "It is given to no other program, and ends when the last one that has it leaves.",
    close: "Its process ends now. Programs that have it go on with another one; what is in flight may be lost."
  },
  session: { close: "It ends now. Its client has to begin anew." },
  job: {
    cancel: "The step that runs is interrupted, and the job ends.",
    again:
      "A new job of the same kind is started, with the same input, for the same principal. It begins with its first step: what this one did outside is done once more. This one stays as it is."
  }
}

/** What is asked before an action. */
export const consequenceOf = ({ action, of }: Action): string => consequences[of][action] ?? ""

/** The word of an action. */
export const verbOf = (action: ActionName): string => verbs[action]

/** The buttons of a row. `name`: what it is, said with each. */
export const Buttons = (
  { actions, name, of, target }: {
    readonly actions: ReadonlyArray<ActionName>
    readonly name: string
    readonly of: Action["of"]
    readonly target?: string
  }
) => (
  <span class="buttons">
    {actions.map((action) => (
      <button
        type="button"
        key={action}
        aria-label={`${verbs[action]} ${name}`}
        onClick={() =>
          Store.wanted({ action, of, ...(target === undefined ? {} : { target }) }, `${verbs[action]} ${name}?`)}
      >
        {verbs[action]}
      </button>
    ))}
  </span>
)

/** A part of the page, with a heading that links lead to. */
export const Section = (
  { children, count, id, title }: {
    readonly children: ComponentChildren
    readonly count?: string | undefined
    readonly id: string
    readonly title: string
  }
) => (
  <section id={id} aria-labelledby={`${id}-title`} tabIndex={-1}>
    <h2 id={`${id}-title`}>
      {title}
      {count === undefined ? null : <small>{count}</small>}
    </h2>
    {children}
  </section>
)
