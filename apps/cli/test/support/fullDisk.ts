/** A disk that takes so many bytes of one file and no more: the limit on the size of files stands for it. */
import { spawnSync } from "node:child_process"
import { program } from "./program.ts"

/** Runs the program where no file may become longer than so many kilobytes. */
export const runWithLimit = (
  kilobytes: number,
  directory: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>
) =>
  spawnSync("/bin/bash", ["-c", `ulimit -f ${kilobytes}; exec "$0" "$@"`, ...program, ...args], {
    cwd: directory,
    env: { ...process.env, ...env },
    encoding: "utf8"
  })
