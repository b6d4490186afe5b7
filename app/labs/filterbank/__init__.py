"""The filterbank lab: how does the ear split sound into frequencies?"""
