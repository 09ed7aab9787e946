/** Between two complete readings, at least; and as long as the last one took, times this. */
const REST_MS = 1_500;
const REST_TIMES = 3;
const SOON_MS = 50;

/**
 * When to read everything again, however often somebody asks for it: never while a reading is under way (it would never
 * end where the API is slow), and then only after a rest, so that most of the time is left to others.
 */
export class Rereads {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private begin: number | null = null;
  private until = 0;
  private wanted: "no" | "rested" | "at once" = "no";

  constructor(private readonly read: () => void) {}

  ask(atOnce = false): void {
    if (this.begin !== null) {
      if (this.wanted !== "at once") this.wanted = atOnce ? "at once" : "rested";
      return;
    }
    if (this.timer !== null && !atOnce) return;
    if (this.timer !== null) clearTimeout(this.timer);
    const wait = atOnce ? 0 : Math.max(SOON_MS, this.until - Date.now());
    this.timer = setTimeout(() => {
      this.timer = null;
      this.read();
    }, wait);
  }

  began(): void {
    this.begin = Date.now();
  }

  ended(): void {
    const now = Date.now();
    this.until = now + Math.max(REST_MS, REST_TIMES * (now - (this.begin ?? now)));
    this.begin = null;
    const { wanted } = this;
    this.wanted = "no";
    if (wanted !== "no") this.ask(wanted === "at once");
  }

  /** The reading was given up; who gave it up begins another, or wants none. */
  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.begin = null;
    this.wanted = "no";
  }
}
