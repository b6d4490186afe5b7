"""The listening test: experiments that a person and a model take side by side, alone or as a class.

``/listen`` is plain HTML with a script of its own (app/page/js/listen*.js): no Bokeh, no session, so that a telephone
opens it with some 60 kB. It asks ``/listen/ask`` (JSON) and ``/listen/sound`` (`app/server/listening.py`), which
`service.py` answers in threads. What outlives a request is in one SQLite file of all processes (`store.py`): a run is
its condition, its seed and its answers, and any process plays them again to where the run is. The seed, from which
all targets follow, leaves the server when the run is over. A trial is one buffer; its lights follow the clock of the
sound. A lesson (`lessons.yaml`) is a prediction and a few conditions; what was predicted and taken stands behind the
number sign of the address, so that the server keeps nothing of it but what is sent to a class.
"""
