"""Those who mean ill or are merely broken, throughout a soak: readers that
stop, questions and pings whose answers nobody reads, unfinished messages, half
requests and garbage, at wsd and at the web server. A process of its own;
its input is that of attackers.py, with "web": the web server's port."""
import asyncio
import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "system"))
import attackers  # noqa: E402

# Users and connections of each kind; whoever is cut comes back.
attackers.CROWDS = {"deaf": (20, 5), "pings": (3, 1), "history": (3, 1),
                    "unfinished": (6, 3)}
HALF_HEADS = 10
GARBAGE = 4
HEARD_MAX = 1 << 20


class Nuisance(attackers.Attack):
    def __init__(self, web, **where):
        super().__init__(**where)
        self.web = ("127.0.0.1", web)

    def all(self):
        yield from self.crowds(*attackers.CROWDS)
        kinds = attackers.garbage(self.cookies[attackers.GARBAGE_USER])
        for where in self.wsd, self.web:
            for i in range(HALF_HEADS):
                yield self.keep_on("heads", where, self.half_a_head)
            for i in range(GARBAGE):
                yield self.keep_on("garbage", where, self.one_garbage,
                                   kinds[i::GARBAGE])

    async def one_garbage(self, s, kinds):
        """What happens to be a request is answered for ever."""
        await asyncio.wait_for(self.talk_garbage(s, kinds), 10)

    async def keep_on(self, kind, where, fn, *args, **kwargs):
        while True:
            try:
                await super().keep_on(kind, where, fn, *args, **kwargs)
            except asyncio.TimeoutError:
                self.seen[f"{kind} left"] += 1


async def main():
    nuisance = Nuisance(**json.loads(sys.stdin.readline()))
    tasks = [asyncio.create_task(t) for t in nuisance.all()]
    over = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    done, _ = await asyncio.wait([over, *tasks],
                                 return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
    print(json.dumps(nuisance.seen))


if __name__ == "__main__":
    asyncio.run(main())
