/**
 * Text for people: emphasis where it is seen, and nothing that could take over their terminal.
 */
import { printable } from "./Printable.ts"
import type { Output } from "./Shell.ts"

export { printable }

/** Empties the line the cursor is in. For terminals only. */
export const eraseLine = "\r\u001b[2K"

/** Empties the screen, and begins at its top. For terminals only. */
export const clearScreen = "\u001b[H\u001b[2J\u001b[3J"

/** Emphasis for one output: plain text unless it has colours. */
export interface Style {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  /** Of what is chosen. */
  readonly inverse: (text: string) => string
}

export const styleOf = ({ hasColor }: Pick<Output, "hasColor">): Style => {
  const wrap = (on: number, off: number) => (text: string) => hasColor ? `\u001b[${on}m${text}\u001b[${off}m` : text
  return { bold: wrap(1, 22), dim: wrap(2, 22), red: wrap(31, 39), inverse: wrap(7, 27) }
}
