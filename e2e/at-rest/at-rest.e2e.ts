import { story } from "./at-rest.ts";

story(60_000);
