/**
 * How every benchmark prints: a title, then one aligned line per contender with its ratio to another line, and the gate where
 * there is one, with the goal beside it. A gate of ours that is missed is printed as such and counted: the run goes on, and its exit code
 * tells. What was printed is kept for the table at the end (`Summary.ts`) and for `--json`.
 */

export interface Bounds {
  /** What must not be exceeded, or must be reached. */
  readonly atMost?: number
  readonly atLeast?: number
  /** Where it is to go, on the same side as the bound. Told, never counted. Without a bound it is at most, unless `isGoalAtLeast`. */
  readonly goal?: number
  readonly isGoalAtLeast?: boolean
}

export interface Gate extends Bounds {
  readonly value: number
  readonly unit: string
}

export interface Line {
  readonly name: string
  readonly figure: string
  readonly gate?: Gate | undefined
  /** There is no figure, and there should be: counts as a gate that is missed. */
  readonly isMissed?: boolean | undefined
  /** Its contender failed or hung: `figure` says why. */
  readonly isFailed?: boolean | undefined
  /** A comparison that has no figure, because one of its contenders failed. */
  readonly isLeftOut?: boolean | undefined
}

/** One line, as it was printed. */
export interface Printed extends Line {
  /** The benchmark that printed it: `core leaseCost`. */
  readonly benchmark: string
  /** Of the table in which it stands. */
  readonly title: string
}

let misses = 0
let current = ""
const all: Array<Printed> = []

/** Gates missed by what was printed so far. */
export const missed = (): number => misses

/** Every line so far. */
export const printed = (): ReadonlyArray<Printed> => all

/** What is printed from here on is of this benchmark. */
export const begin = (benchmark: string): void => void (current = benchmark)

/** Red, green and bold on a terminal that has them, plain elsewhere. */
export const colour = (code: number, text: string): string =>
  process.stdout.isTTY && process.stdout.hasColors() ? `\u001b[${code}m${text}\u001b[0m` : text

export const print = (title: string, lines: ReadonlyArray<Line>): void => {
  const nameWidth = Math.max(...lines.map(({ name }) => name.length)) + 2
  const figureWidth = Math.max(...lines.map(({ figure }) => figure.length))
  console.log(`\n${colour(1, title)}`)
  for (const line of lines) {
    const { figure, gate, name } = line
    if (isMissed(line)) misses++
    all.push({ ...line, benchmark: current, title })
    const judged = gate !== undefined ? verdict(gate) : isMissed(line) ? colour(31, "NOT met") : ""
    console.log(`  ${name.padEnd(nameWidth)}${figure.padStart(figureWidth)}${judged === "" ? "" : `   ${judged}`}`)
  }
}

/** Whether a gate of ours is missed by a line. */
export const isMissed = ({ gate, isMissed = false }: Line): boolean => isMissed || (gate !== undefined && !isMet(gate))

const reaches = (value: number, bound: number, isAtLeast: boolean): boolean =>
  isAtLeast ? value >= bound : value <= bound

// What is not a number meets nothing.
const isMet = ({ atLeast, atMost, value }: Gate): boolean =>
  (atMost === undefined || reaches(value, atMost, false)) && (atLeast === undefined || reaches(value, atLeast, true)) &&
  !Number.isNaN(value)

const isAtLeast = ({ atLeast, atMost, isGoalAtLeast = false }: Bounds): boolean =>
  atMost === undefined && (atLeast !== undefined || isGoalAtLeast)

/** Whether it is where it is to go. */
export const isGoalMet = (gate: Gate): boolean =>
  gate.goal !== undefined && isMet(gate) && reaches(gate.value, gate.goal, isAtLeast(gate))

/** `at most 1.3 ×`; undefined if nothing has to be met. */
export const boundOf = ({ atLeast, atMost, unit }: Gate): string | undefined =>
  atMost !== undefined
    ? `at most ${atMost} ${unit}`
    : atLeast !== undefined
    ? `at least ${atLeast} ${unit}`
    : undefined

/** `at most 1.1 ×`; undefined if there is no goal. */
export const goalOf = (gate: Gate): string | undefined =>
  gate.goal === undefined ? undefined : `at ${isAtLeast(gate) ? "least" : "most"} ${gate.goal} ${gate.unit}`

const verdict = (gate: Gate): string => {
  const bound = boundOf(gate)
  const goal = goalOf(gate)
  const met = isMet(gate)
  return [
    ...(bound === undefined
      ? []
      : [colour(met ? 32 : 31, `gate ${bound}: ${met ? "met" : `NOT met (${round(gate.value)})`}`)]),
    ...(goal === undefined ? [] : [`goal ${goal}: ${isGoalMet(gate) ? colour(32, "met") : "not yet"}`])
  ].join(", ")
}

export const round = (value: number): string => value.toFixed(value < 10 ? 2 : 0)

export const nanos = (value: number): string => `${value.toFixed(0)} ns`

export const median = (values: ReadonlyArray<number>): number => percentile(values, 0.5)

export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((left, right) => left - right)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
