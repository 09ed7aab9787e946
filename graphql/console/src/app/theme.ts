import { store } from "../api/store";

/** `system` follows the machine. */
export type Theme = "system" | "light" | "dark";
const KEY = "psg.theme";

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "system";
  } catch {
    return "system";
  }
}

export const theme = store<Theme>(stored());

export function setTheme(next: Theme): void {
  try {
    if (next === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // it then holds for this page only
  }
  theme.set(next);
  applyTheme();
}

export function applyTheme(): void {
  const wanted = theme.get();
  if (wanted === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", wanted);
}
