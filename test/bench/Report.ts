/**
 * How every benchmark prints: a title, then one aligned line per contender with its ratio to another line, and the gate where
 * there is one. A gate that is missed is printed as such, and is no failure of the run: machines differ.
 */

export interface Gate {
  /** What must not be exceeded, or must be reached, in the unit of `value`. */
  readonly atMost?: number
  readonly atLeast?: number
  readonly value: number
  readonly unit: string
}

export interface Line {
  readonly name: string
  readonly figure: string
  readonly gate?: Gate | undefined
}

const isTerminal = process.stdout.isTTY
const colour = (code: number, text: string): string => isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text

export const print = (title: string, lines: ReadonlyArray<Line>): void => {
  const nameWidth = Math.max(...lines.map(({ name }) => name.length)) + 2
  const figureWidth = Math.max(...lines.map(({ figure }) => figure.length))
  console.log(`\n${colour(1, title)}`)
  for (const { figure, gate, name } of lines) {
    console.log(
      `  ${name.padEnd(nameWidth)}${figure.padStart(figureWidth)}${gate === undefined ? "" : `   ${verdict(gate)}`}`
    )
  }
}

const verdict = ({ atLeast, atMost, unit, value }: Gate): string => {
  const isMet = value <= (atMost ?? Number.POSITIVE_INFINITY) && value >= (atLeast ?? Number.NEGATIVE_INFINITY)
  const bound = atMost === undefined ? `at least ${atLeast}` : `at most ${atMost}`
  return colour(isMet ? 32 : 31, `gate ${bound} ${unit}: ${isMet ? "met" : `NOT met (${round(value)})`}`)
}

export const round = (value: number): string => value.toFixed(value < 10 ? 2 : 0)

export const nanos = (value: number): string => `${value.toFixed(0)} ns`

export const median = (values: ReadonlyArray<number>): number => percentile(values, 0.5)

export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
