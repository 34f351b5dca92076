import DefaultTheme from "vitepress/theme"
import { h } from "vue"
import PageSource from "./PageSource.vue"

export default {
  extends: DefaultTheme,
  Layout: () => h(DefaultTheme.Layout, null, { "doc-footer-before": () => h(PageSource) })
}
