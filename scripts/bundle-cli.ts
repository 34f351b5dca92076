/** Makes the executable `holdfast` alone, without the rest of `pnpm build`: for benchmarks, which measure what is published. */
import * as Path from "node:path"
import { bundleCli } from "./build/bundleCli.ts"

await bundleCli(Path.resolve(import.meta.dirname, ".."))
