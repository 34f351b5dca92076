/** `pnpm build:executable`: the command `holdfast` as one executable file, in `dist/executable`, after a build of everything. */
import { spawnSync } from "node:child_process"
import * as Path from "node:path"
import { buildExecutable } from "./build/buildExecutable.ts"

const root = Path.resolve(import.meta.dirname, "..")
// A release has built them already.
const isBuilt = process.argv.includes("--built")
const built = isBuilt
  ? { status: 0 }
  : spawnSync(process.execPath, [Path.join(root, "scripts/build.ts")], { cwd: root, stdio: "inherit" })
if (built.status !== 0) process.exit(built.status ?? 1)
const { bytes, file, notices } = await buildExecutable(root, Path.join(root, "dist/executable"))
console.log(`${file}: ${Math.round(bytes / 1e6)} MB\n${notices}: what it holds of others`)
