"""The listening test: experiments that a person and a model take side by side, alone or as a class."""
