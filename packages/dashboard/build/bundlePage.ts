/** The page as one script and one style: its own sources, Preact and uPlot, with their licenses. */
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import * as Path from "node:path"
import { rolldown } from "rolldown"

const root = Path.resolve(import.meta.dirname, "..")

/** Makes both. Nothing is written. */
export const bundlePage = async (): Promise<{ readonly script: string; readonly style: string }> => {
  const bundle = await rolldown({
    input: Path.join(root, "page/main.tsx"),
    platform: "browser",
    tsconfig: Path.join(root, "tsconfig.page.json")
  })
  try {
    const { output } = await bundle.generate({ format: "es", codeSplitting: false, minify: true, banner: licenses })
    const style = [packageFile("uplot", "dist/uPlot.min.css"), Path.join(root, "page/page.css")]
      .map((file) => Fs.readFileSync(file, "utf8"))
    return { script: output[0].code, style: style.join("\n") }
  } finally {
    await bundle.close()
  }
}

const packageFile = (name: string, file: string): string => {
  const from = createRequire(import.meta.url).resolve(name)
  const folder = from.slice(0, from.lastIndexOf(`/node_modules/${name}/`) + `/node_modules/${name}/`.length)
  return Path.join(folder, file)
}

const licenses = (): string =>
  ["preact", "uplot"].map((name) => `/*! ${name}\n${Fs.readFileSync(packageFile(name, "LICENSE"), "utf8").trim()}\n*/`)
    .join("\n")
