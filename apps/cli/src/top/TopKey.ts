/**
 * What was typed, as keys. Bytes of a terminal come in pieces of any size, so that what may go on is kept as `rest`.
 */

/** A key that means something; a character that is none of these is `text`. */
export type TopKey =
  | "up"
  | "down"
  | "page up"
  | "page down"
  | "home"
  | "end"
  | "enter"
  | "escape"
  | "backspace"
  | "interrupt"
  | "stop"
  | "redraw"
  | { readonly text: string }

export interface ReadKeys {
  readonly keys: ReadonlyArray<TopKey>
  /** The beginning of a sequence. On its own, and without more to come, it is the key Escape. */
  readonly rest: string
}

const sequences: Readonly<Record<string, TopKey>> = {
  "A": "up",
  "B": "down",
  "H": "home",
  "F": "end",
  "1~": "home",
  "4~": "end",
  "5~": "page up",
  "6~": "page down",
  "7~": "home",
  "8~": "end"
}

const controls: Readonly<Record<string, TopKey>> = {
  "\r": "enter",
  "\n": "enter",
  "\u007f": "backspace",
  "\b": "backspace",
  "\u0003": "interrupt",
  "\u001a": "stop",
  "\f": "redraw"
}

/** A whole sequence: CSI or SS3. */
// oxlint-disable-next-line no-control-regex
const whole = /^\u001b(?:\[([0-?]*[ -/]*[@-~])|O([@-~]))/
// oxlint-disable-next-line no-control-regex
const begun = /^\u001b(?:\[[0-?]*[ -/]*|O)?$/

/** Reads as many keys as there are. Sequences and control characters without a meaning are left out. */
export const read = (text: string): ReadKeys => {
  const keys: Array<TopKey> = []
  let at = 0
  while (at < text.length) {
    const rest = text.slice(at)
    if (rest.startsWith("\u001b")) {
      const found = whole.exec(rest)
      if (found !== null) {
        const key = sequences[found[1] ?? found[2] ?? ""]
        if (key !== undefined) keys.push(key)
        at += found[0].length
        continue
      }
      if (begun.test(rest)) return { keys, rest }
      keys.push("escape")
      at += 1
      continue
    }
    const char = String.fromCodePoint(rest.codePointAt(0) ?? 0)
    at += char.length
    const key = controls[char]
    if (key !== undefined) keys.push(key)
    else if (!/\p{Cc}/u.test(char)) keys.push({ text: char })
  }
  return { keys, rest: "" }
}

/** What is left when no more has come. */
export const last = (rest: string): ReadonlyArray<TopKey> => rest === "" ? [] : ["escape"]
