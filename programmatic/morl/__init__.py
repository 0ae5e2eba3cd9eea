"""MORL: a policy becomes a program, the program is verified and repaired, and becomes a policy.

    tree, syntax, printer        decision trees as programs, and their text
    difference, drawing          what changed between two of them, and pictures
    constraints                  what must hold of a program, in a small language
    verification, repair         proofs and counterexamples by z3; the smallest change that helps
    viper, pirl                  synthesis: a program that imitates a policy
    imitation, optimisation      a policy that imitates a program, and learns on
    loop                         all of these, in turns

Source: Bhupatiraju, Agrawal and Singh, Towards Mixed Optimization for Reinforcement Learning with
Program Synthesis, NAMPI 2018.
"""
