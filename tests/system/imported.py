"""Password hashes as other programs make them, all of PHRASE."""

import csv

PHRASE = "correct horse 7"

# mkpasswd -m METHOD, htpasswd -nbB, -nb2 and -nb5
HASHES = {
    "sha256": "$5$omvz1qGh5HJ6QpmT$"
              ".6hEbFPouslBzmvC/LVlmdmEK60WX.GtO0m1o3QKcn/",
    "sha512": "$6$rounds=1000$zPRhwkYvMrdQJWrT$rWy4qt0W6QHg5kqTDJ0F/hRD3zBAb"
              "Mj5CYd1HcaceAafc8njeNWu1soGLuolljo0nwXCwhfrcbIGgyl.wZwxu/",
    "yescrypt": "$y$j9T$vDV60mirIZ1W3mGgO7COm/$"
                "5Wl5KgkOW/.dG2QN7PkocJJZtFjJx6TplMtpFrXjDn.",
    "bcrypt2a":
        "$2a$05$mcUprxbVjhRmNc8PX/zXH.1fMa8HTA2d3SLVnRj3D/43sYu4pcCYm",
    "bcrypt2b":
        "$2b$05$NwARutSdfDavamJbsHECh.19XoKO0SMHI/jJ137k266PcTjTs9rWK",
    "bcrypt2y":
        "$2y$04$f.7TesdbD0mUCrtoE/UOpOU4Ef/vaBeDIRtmrdWKoCEwds136xKmm",
    "htsha256": "$5$Gczj1Ha3W4J5Cbfp$"
                "svOiIciFt4Agyc6W9UzYM8BcA4991eIdQHC1rduU4P6",
    "htsha512": "$6$MnCBXbwrvdNasXCh$dWCJ4Oh9JslZmQ0Aq6W8yVUJnnASvVUvJ35GsV6"
                "6lfzT7t1XCj8AaEZJikIn.ouDJKduLipQPDaa0y1U1NsUr.",
}
BCRYPT = HASHES["bcrypt2y"]


def htpasswd(hashes):
    return "".join(f"{name}:{text}\n" for name, text in hashes.items())


def exported(text):
    """What `user export` printed, as {name: [hash, locked, ...]}."""
    rows = list(csv.reader(text.splitlines()))
    assert rows[0] == ["name", "hash", "locked", "created", "password_set",
                       "groups"]
    return {row[0]: row[1:] for row in rows[1:]}
