/**
 * What a test process is told about mutants, in a file named by its environment, and what it says in return, in lines of another file:
 * written at once, so that nothing is lost with a process that hangs or dies.
 */
import * as Fs from "node:fs"

export interface Plan {
  /** `survey`: which test reaches which mutant. `each`: tests are run again and again, with one mutant after the other. `whole`: as usual. */
  readonly mode: "survey" | "each" | "whole"
  readonly root: string
  /** What can be switched on; the place in this list is the mutant's number. `file` from the root, `index` within the file's mutations. */
  readonly mutants: ReadonlyArray<{ readonly file: string; readonly index: number }>
  /** On from the start. */
  readonly active: ReadonlyArray<number>
  /** Test files, from the root. */
  readonly files: ReadonlyArray<string>
  /** Which mutants each test is run with, by the test's id. */
  readonly tests: Readonly<Record<string, ReadonlyArray<number>>>
  readonly said: string
}

export type Said =
  | {
    readonly kind: "reached"
    readonly file: string
    readonly test: string
    readonly millis: number
    readonly mutants: ReadonlyArray<number>
  }
  /** Reached while a file was imported, or in another thread or process: in one that a test has started, if there is one. */
  | { readonly kind: "elsewhere"; readonly file: string; readonly mutant: number; readonly test?: string | undefined }
  | { readonly kind: "trying"; readonly mutant: number; readonly test: string; readonly limit: number }
  | { readonly kind: "survived"; readonly mutant: number; readonly test: string }
  | { readonly kind: "killed"; readonly mutant: number; readonly test: string; readonly how: "failed" | "time" }
  /** The test fails without a mutant, too, now: the mutants before may have left something behind. */
  | { readonly kind: "unsure"; readonly mutant: number; readonly test: string }
  /** The test fails in the surroundings of this run although no mutant has been at work. */
  | { readonly kind: "broken"; readonly test: string; readonly why: string }

export const planVariable = "HOLDFAST_MUTATION_PLAN"
/** The test file that other threads and processes work for. */
export const fileVariable = "HOLDFAST_MUTATION_TEST_FILE"
/** The test in which they were started, if it was in one. */
export const testVariable = "HOLDFAST_MUTATION_TEST"
/** The mutant that is at work in what is started now. */
export const mutantVariable = "HOLDFAST_MUTATION_MUTANT"

// What was written by `mutate.ts` is what it says it is.
export const readPlan = (): Plan => JSON.parse(Fs.readFileSync(process.env[planVariable] ?? "", "utf8")) as Plan

export const say = (plan: Plan, line: Said): void => Fs.appendFileSync(plan.said, `${JSON.stringify(line)}\n`)

export const readSaid = (path: string): ReadonlyArray<Said> =>
  Fs.readFileSync(path, "utf8").split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Said)
