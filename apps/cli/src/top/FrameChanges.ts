/**
 * What is to be written so that a terminal shows a frame: the lines that have changed, and nothing of the others.
 */

/** The frame that a terminal shows now. `undefined`: nothing is known of it. */
export type Shown = ReadonlyArray<string> | undefined

/** Text for the terminal; empty if nothing has changed. A frame never has more lines than the screen. */
export const between = (shown: Shown, frame: ReadonlyArray<string>): string => {
  if (shown === undefined) {
    return `\u001b[H\u001b[2J${frame.map((line, row) => line === "" ? "" : at(row, line)).join("")}`
  }
  const rows = Math.max(shown.length, frame.length)
  let text = ""
  for (let row = 0; row < rows; row++) {
    const line = frame[row] ?? ""
    if ((shown[row] ?? "") !== line) text += at(row, line)
  }
  return text
}

/** Emptied first: what is erased behind a line that fills the row would take its last cell along. */
const at = (row: number, line: string): string => `\u001b[${row + 1};1H\u001b[2K${line}`
