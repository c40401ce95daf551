"""A process that writes an audit log until the disk is full (or for ever), frees the disk, and goes on. Run by test_audit.py.

python audit_writer.py FOLDER full|limit|endless; prints the number of confirmed lines.
"""

import asyncio
import os
import resource
import sys
from pathlib import Path

from skin_r1.serve.audit.log import Audit
from skin_r1.serve.refused import Refused


async def write(audit, confirmed):
    """16 requests at once, a line of 3,000 bytes each; how many were refused."""
    results = await asyncio.gather(
        *(audit.begin(request=str(number), note="x" * 3000).written() for number in range(16)), return_exceptions=True
    )
    refused = [each for each in results if isinstance(each, Exception)]
    assert all(isinstance(each, Refused) and each.status == 503 for each in refused), refused
    confirmed[0] += 16 - len(refused)
    return len(refused)


async def main(folder, mode):
    confirmed = [0]
    if mode == "full":
        ballast = folder.parent / "ballast"
        ballast.write_bytes(b"x" * 300_000)
    audit = Audit(folder)
    if mode == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
    while mode == "endless":
        await write(audit, confirmed)
        print(confirmed[0], flush=True)
    refused = sum([await write(audit, confirmed) for _ in range(30)])
    assert refused > 16 and confirmed[0] > 16, (refused, confirmed)
    if mode == "full":
        os.unlink(ballast)
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert await write(audit, confirmed) == 0, "the log did not go on by itself"
    await audit.close()
    print(confirmed[0], flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
